import type { Model, ModelAnswer } from "../agent/model.ts";
import type { Backend, Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { chainOf } from "../config/backend-chain.ts";
import { completeChat } from "./chat.ts";
import { type Client, createClient, loadOpenAI } from "./client.ts";
import { completeResponse } from "./responses.ts";
import { type Meter, metered } from "./meter.ts";
import { priced } from "./price.ts";
import { type RetryDeps, firstAnswer, systemRetry } from "./retry.ts";
import { type Recording, transcribe } from "./transcribe.ts";
import { createFetch } from "./transport.ts";

/** The LLM endpoints of a config, with clients and connections shared by all runs. */
export interface Backends {
  /** The named backend and, when it fails, its fallbacks. Each attempt at one is a call of its own for the meter. */
  model(config: Config, backendName: string, meter?: Meter): Model;
  /** The text of a recording, by the named backend. Throws ClawError `backend_failed` or `cancelled`. */
  transcribe(config: Config, backendName: string, recording: Recording, signal: AbortSignal): Promise<string>;
  /** Loads what the first call would otherwise wait for. */
  warm(): Promise<void>;
}

/** Makes the backends; `retry` replaces clock and chance in tests. */
export function createBackends({
  log,
  metrics,
  retry = systemRetry,
}: {
  readonly log: Log;
  readonly metrics: Pick<Metrics, "attemptsFailed">;
  readonly retry?: Pick<RetryDeps, "sleep" | "random">;
}): Backends {
  const fetch = createFetch();
  const deps: RetryDeps = {
    ...retry,
    onAttemptFailed(event) {
      metrics.attemptsFailed.inc({ backend: event.backend, kind: event.kind });
      log.warn(event, "call to backend failed");
    },
  };
  // A reload makes new Backend objects, and with them new clients; the connections stay.
  const clients = new WeakMap<Backend, Promise<Client>>();
  const clientOf = (backend: Backend): Promise<Client> => {
    let client = clients.get(backend);
    if (!client) clients.set(backend, (client = createClient(backend, fetch)));
    return client;
  };
  return {
    model(config, backendName, meter) {
      const chain = chainOf(config, backendName);
      const first = chain[0] as Backend;
      return {
        backend: first.name,
        model: first.model,
        takesImages: first.images,
        complete: (request) =>
          firstAnswer(
            chain,
            request.signal,
            async (backend, watch) => {
              const client = await clientOf(backend);
              const complete = backend.api === "chat" ? completeChat : completeResponse;
              const call = async (): Promise<ModelAnswer> =>
                priced(backend, config.budget.currency, await complete(client, request, watch));
              return meter ? metered(meter, backend, request, watch, call) : call();
            },
            deps,
          ),
      };
    },
    transcribe(config, backendName, recording, signal) {
      const able = chainOf(config, backendName).filter((backend) => backend.transcription_model !== undefined);
      return firstAnswer(
        able,
        signal,
        async (backend, watch) => transcribe(await clientOf(backend), recording, watch),
        deps,
      );
    },
    async warm() {
      await loadOpenAI();
    },
  };
}
