/** What the detector says of traffic, looked at after each run as the gateway does. */
import { detect } from "../../../lib/audit/drift/detect.ts";
import { findingsOf } from "../../../lib/audit/drift/findings.ts";
import { windowRuns } from "../../../lib/audit/drift/thresholds.ts";
import { featuresOf, type RecordedRun } from "./traffic.ts";

/** One thing told. */
export interface Told {
  /** How many runs there were when it was. */
  readonly run: number;
  readonly metrics: readonly string[];
}

const baselineRuns = 300;

/** All that is told of the traffic from run `from` on, at most `most` things. */
export function toldOf(recorded: readonly RecordedRun[], from = 0, most = Number.POSITIVE_INFINITY): Told[] {
  const all = recorded.map(featuresOf);
  const since = new Map<string, Date>();
  const told: Told[] = [];
  for (let end = from + 1; end <= all.length && told.length < most; end++) {
    const runs = all.slice(Math.max(0, end - baselineRuns - windowRuns), end);
    const states = detect(runs, { baselineRuns, since: (metric) => since.get(metric) });
    const { fresh, joined } = findingsOf("chat", runs, states, [...since.values()]);
    for (const { metric, since: began } of [...fresh, ...joined]) since.set(metric, new Date(began));
    if (fresh.length > 0) told.push({ run: end, metrics: fresh.map(({ metric }) => metric) });
  }
  return told;
}
