/** What the detector says of recorded traffic. */
import { detect } from "../../../lib/audit/drift/detect.ts";
import { findingsOf } from "../../../lib/audit/drift/findings.ts";
import { windowRuns } from "../../../lib/audit/drift/thresholds.ts";
import { type Fault, featuresOf, type RecordedRun, traffic, type TrafficOptions } from "./traffic.ts";

/** One thing told. */
export interface Told {
  /** How many runs there were when it was. */
  readonly run: number;
  readonly metrics: readonly string[];
}

/** How it is looked at: after every run, as a gateway with little to do looks, or after every so many. */
export interface Looks {
  readonly every: number;
  /** The first look is after so many runs. */
  readonly from?: number;
  /** No more looks after so many things told. */
  readonly most?: number;
}

const baselineRuns = 300;

/** All that is told of the traffic. */
export function toldOf(recorded: readonly RecordedRun[], looks: Looks): Told[] {
  const { every, from = 0, most = Number.POSITIVE_INFINITY } = looks;
  const all = recorded.map(featuresOf);
  const since = new Map<string, Date>();
  const told: Told[] = [];
  for (let end = from + 1; end <= all.length && told.length < most; end += every) {
    const runs = all.slice(Math.max(0, end - baselineRuns - windowRuns), end);
    const states = detect(runs, { baselineRuns, since: (metric) => since.get(metric) });
    const { fresh, joined } = findingsOf("chat", runs, states, [...since.values()]);
    for (const { metric, since: began } of [...fresh, ...joined]) since.set(metric, new Date(began));
    if (fresh.length > 0) told.push({ run: end, metrics: fresh.map(({ metric }) => metric) });
  }
  return told;
}

const faultFrom = 400;
const mostDelay = 60;

/** After how many runs of the fault it is told in each traffic, the slowest last; Infinity where it is not within 60. */
export function delaysOf(
  kind: Fault,
  shape: TrafficOptions["shape"],
  seeds: readonly number[],
  looks: Pick<Looks, "every">,
): number[] {
  const found = seeds.map((seed) => {
    const recorded = traffic({ seed, runs: faultFrom + mostDelay, shape, fault: { kind, from: faultFrom } });
    const [told] = toldOf(recorded, { ...looks, from: faultFrom, most: 1 });
    return told ? told.run - faultFrom : Number.POSITIVE_INFINITY;
  });
  return found.toSorted((a, b) => a - b);
}

/** Seeds that no threshold was chosen by: those were below 3,000. */
export const freshSeeds = (count: number): number[] => Array.from({ length: count }, (_, index) => 3_001 + index);
