/** OpenTelemetry traces of runs, exported by OTLP over HTTP. Its packages are loaded only where traces are asked for. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RunEvent } from "../agent/events.ts";
import { ClawError, messageOf } from "../errors.ts";
import type { Run } from "../ledger/run.ts";
import type { Log } from "../log.ts";
import { watchedExporter } from "./exporter.ts";
import { traceIds } from "./trace-ids.ts";

/** Hears of each event once it is journalled. Never throws, and nothing waits for it. */
export type RunObserver = (run: Run, events: readonly RunEvent[]) => void;

/** Traces, as they are being made and sent. */
export interface Tracing {
  readonly observe: RunObserver;
  /** Sends what is left, for a few seconds at most. */
  stop(): Promise<void>;
}

const flushMs = 3_000;

/** They are optional dependencies: 24 MB that an installation without traces can leave out. */
const load = () =>
  Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
    import("./run-spans.ts"),
  ]).catch((cause: unknown) => {
    if ((cause as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new ClawError(
      "environment",
      "an address for traces is set (OTEL_EXPORTER_OTLP_*), but the packages that send them are not installed: run `npm ci` without --omit=optional, or take the address out of the environment",
      { cause },
    );
  });

/**
 * Starts tracing. Where to send to, with which headers and as which service the packages read themselves, of OTEL_EXPORTER_OTLP_*,
 * OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. `delayMs`: spans are gathered for so long before they are sent. Throws
 * ClawError `environment` where the packages are not installed.
 */
export async function startTracing(log: Log, { delayMs = 5_000 }: { delayMs?: number } = {}): Promise<Tracing> {
  const [sdk, { OTLPTraceExporter }, resources, { RunSpans }] = await load();
  const { BatchSpanProcessor, RandomIdGenerator, TracerProvider } = sdk;
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources;
  const ids = traceIds(new RandomIdGenerator());
  const provider = new TracerProvider({
    idGenerator: ids,
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "openclaw" }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: watchedExporter(new OTLPTraceExporter(), log),
        scheduledDelayMillis: delayMs,
      }),
    ],
  });
  const spans = new RunSpans(provider.getTracer("openclaw"), ids);
  const unsent = (reason: string): void => log.warn({ reason }, "not all traces could be sent");
  return {
    observe(run, events) {
      try {
        spans.observe(run, events);
      } catch (err) {
        log.warn({ err }, "a span could not be made");
      }
    },
    async stop() {
      spans.endAll();
      const over = new AbortController();
      const late = sleep(flushMs, "late", { signal: over.signal }).catch(() => undefined);
      const sent = provider.shutdown().catch((thrown: unknown) => unsent(messageOf(thrown)));
      if ((await Promise.race([sent, late])) === "late") unsent(`the collector took longer than ${flushMs} ms`);
      over.abort();
    },
  };
}
