import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Log } from "../log.ts";

/** Of the SDK's ExportResultCode, which is not loaded for it. */
const success: Parameters<Parameters<SpanExporter["export"]>[1]>[0]["code"] = 0;

/** The exporter, whose failures are told once, and again once it has worked meanwhile: without it, nobody hears of them. */
export function watchedExporter(exporter: SpanExporter, log: Log): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== success;
        if (failed && !failing) {
          const fix = "check OTEL_EXPORTER_OTLP_ENDPOINT and that a collector listens there";
          log.warn({ spans: spans.length, fix }, "traces could not be sent; runs go on without them");
        }
        failing = failed;
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
