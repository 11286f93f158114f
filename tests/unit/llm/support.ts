/** A config of backends for these tests, and a log that can be read. */
import { Writable } from "node:stream";
import type { ModelRequest, ToolCall } from "../../../lib/agent/model.ts";
import type { Backend, Config } from "../../../lib/config/config.ts";
import { Secret } from "../../../lib/config/secret.ts";
import type { ClawError } from "../../../lib/errors.ts";
import { type Backends, createBackends } from "../../../lib/llm/backends.ts";
import { createLog } from "../../../lib/log.ts";
import { createMetrics } from "../../../lib/metrics.ts";

/** The key every test backend is given; must appear nowhere but on the wire. */
export const canaryKey = "sk-canary-4f1d";
/** The person's words in every request; likewise. */
export const canaryPrompt = "prompt-canary-9c2e";

/** A backend with the schema's defaults, no waiting worth mentioning and the canary key. */
export function backendOf(name: string, settings: Partial<Backend> & { base_url: string }): Backend {
  return {
    name,
    apiKey: new Secret(canaryKey),
    model: "stand-in",
    api: "chat",
    images: false,
    fallback: [],
    stall_seconds: 5,
    timeout_seconds: 20,
    retries: 2,
    max_output_tokens: 512,
    image_tokens: 4096,
    ...settings,
  };
}

/** As much of a config as lib/llm reads. */
export const configOf = (...backends: Backend[]): Config =>
  ({
    backends: new Map(backends.map((backend) => [backend.name, backend])),
    budget: { currency: "USD" },
  }) as unknown as Config;

export interface Harness {
  readonly backends: Backends;
  /** Every wait asked for, in ms; none is waited. */
  readonly waits: number[];
  /** The log so far, as text. */
  readonly logged: () => string;
  readonly lines: () => Record<string, unknown>[];
}

/** Backends that never sleep and always draw 1. */
export function harness(): Harness {
  let text = "";
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const backends = createBackends({
    log: createLog("trace", destination),
    metrics: createMetrics(),
    retry: { sleep, random: () => 1 },
  });
  return {
    backends,
    waits,
    logged: () => text,
    lines: () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** A request with one tool and the canary as the person's words. */
export const requestOf = (fields: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [
    { role: "system", text: "Be brief." },
    { role: "user", text: canaryPrompt },
  ],
  tools: [
    {
      name: "time_now",
      description: "The time.",
      parameters: { type: "object", properties: { zone: { type: "string" } } },
    },
  ],
  signal: new AbortController().signal,
  ...fields,
});

/** The ClawError a promise rejects with; fails the test where it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<ClawError> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as ClawError;
  }
  throw new Error("expected a rejection");
}

/** Calls without their ids. */
export const shapes = (calls: readonly ToolCall[]): [string, string][] =>
  calls.map((call) => [call.name, call.arguments]);
