import type { IdGenerator } from "@opentelemetry/sdk-trace";

/** Makes the id of a new trace what it is told: the run's own, so that a run goes on in the same trace after a restart. */
export interface TraceIds extends IdGenerator {
  /** For the next span without a parent. */
  next(runId: string): void;
}

/** Span ids, and trace ids nobody asked for, are by `random`. */
export function traceIds(random: IdGenerator): TraceIds {
  let next: string | undefined;
  return {
    next: (runId) => void (next = runId.replaceAll("-", "")),
    generateTraceId() {
      const id = next ?? random.generateTraceId();
      next = undefined;
      return id;
    },
    generateSpanId: () => random.generateSpanId(),
  };
}
