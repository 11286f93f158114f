/** Finds what changed in the runs of one kind of one agent. Pure: runs come in, numbers come out. */
import type { RunFeatures } from "./features.ts";
import { type Change, levelChange } from "./level.ts";
import { levelMetrics, rateMetrics, type Unit } from "./metrics.ts";
import { rateChange } from "./rate.ts";
import { apart, likeness, placesOf, sittingsOf } from "./sittings.ts";
import { mean, median } from "./statistics.ts";
import { leastFaults, leastRatio, leastSittings, leastUses, rateThreshold, toolThreshold } from "./thresholds.ts";

/** How a metric stands. */
export interface MetricState {
  readonly metric: string;
  readonly title: string;
  readonly unit: Unit;
  /** The tool that a change of the tool mix is about. */
  readonly tool?: string;
  /** The model that a change of the served model is about. */
  readonly model?: string;
  /** Median, mean of small counts, or share of the runs. */
  readonly before: number;
  readonly after: number;
  /** 1 and more: it changed. */
  readonly score: number;
  /** The run in which the likeliest change began; the number of runs where there is none. */
  readonly from: number;
  /** Two runs that show it, or as many as there are. */
  readonly examples: readonly string[];
}

/** What is known besides the runs. */
export interface DetectOptions {
  /** Runs of the baseline at most. */
  readonly baselineRuns: number;
  /** Since when a metric's baseline counts: its last alert. */
  readonly since?: (metric: string) => Date | undefined;
}

/** Every metric that has enough history, in the order of lib/audit/drift/metrics.ts. `runs`: of one kind, oldest first. */
export function detect(runs: readonly RunFeatures[], options: DetectOptions): MetricState[] {
  const { baselineRuns } = options;
  const begin = (metric: string): number => {
    const since = options.since?.(metric);
    if (!since) return 0;
    const first = runs.findIndex(({ startedAt }) => startedAt >= since);
    return first === -1 ? runs.length : first;
  };
  const places = placesOf(runs);
  const sittings = sittingsOf(runs, places);
  const levels = levelMetrics.flatMap((of) => {
    const { name, title, unit, value, explained, sum = false } = of;
    const start = begin(name);
    const counted = runs.slice(start).flatMap((run, offset) => {
      const number = value(run);
      return number === undefined ? [] : [{ run, number, at: start + offset }];
    });
    const change = levelChange(
      counted.map(({ number }) => number),
      counted.map(({ at }) => sittings[at] ?? 0),
      {
        baselineRuns,
        middle: unit === "count" ? mean : median,
        leastSittings: of.leastSittings ?? leastSittings,
        leastRatio: of.leastRatio ?? leastRatio,
        ...(explained && { explained: { by: counted.map(({ run, at }) => explained(run, places[at] ?? 0)), sum } }),
      },
    );
    if (!change) return [];
    const after = counted.slice(change.from).toSorted((a, b) => b.number - a.number);
    const shown = change.after > change.before ? after.slice(0, 2) : after.slice(-2);
    const from = counted[change.from]?.at ?? runs.length;
    return [
      stateOf(
        { metric: name, title, unit },
        { ...change, from },
        shown.map(({ run }) => run),
      ),
    ];
  });
  const rates = rateMetrics.flatMap(({ name, title, hit, outages = false }) => {
    const start = begin(name);
    const counted = runs.slice(start);
    const hits = counted.map(hit);
    // What goes wrong does not go by subject.
    const options = { baselineRuns, bothWays: false, threshold: rateThreshold, among: 1, alike: 0, least: leastFaults };
    const change = rateChange(outages ? apart(hits, counted) : hits, sittings.slice(start), options);
    if (!change) return [];
    const { score, from } = change;
    const share = (of: readonly boolean[]): number => of.filter(Boolean).length / Math.max(1, of.length);
    const shown = counted.slice(from).filter(hit).slice(-2);
    const told = { score, from: start + from, before: share(hits.slice(0, from)), after: share(hits.slice(from)) };
    return [stateOf({ metric: name, title, unit: "share" }, told, shown)];
  });
  return [...levels, ...rates, ...toolMix(runs, sittings, begin("tools"), baselineRuns)];
}

/** The tool whose share of the runs changed most. */
function toolMix(
  runs: readonly RunFeatures[],
  sittings: readonly number[],
  start: number,
  baselineRuns: number,
): MetricState[] {
  const counted = runs.slice(start);
  const own = sittings.slice(start);
  const tools = [...new Set(counted.flatMap((run) => run.tools))].map((tool) => {
    const hits = counted.map((run) => run.tools.includes(tool));
    return { tool, hits, alike: likeness(hits.map(Number), own) };
  });
  // How much tools go by subject is known from all of them better than from a rare one.
  const uses = tools.map(({ hits }) => hits.filter(Boolean).length);
  const all = uses.reduce((sum, count) => sum + count, 0);
  const usual = tools.reduce((sum, { alike }, at) => sum + (alike * (uses[at] ?? 0)) / all, 0);
  const found = tools.flatMap(({ tool, hits, alike }) => {
    const change = rateChange(hits, own, {
      baselineRuns,
      bothWays: true,
      threshold: toolThreshold,
      among: tools.length,
      least: leastUses,
      alike: Math.max(alike, usual),
    });
    if (!change) return [];
    const after = counted.slice(change.from);
    const shown = change.after > change.before ? after.filter((run) => run.tools.includes(tool)) : after;
    const what = { metric: "tools", title: "runs that use a tool", unit: "share" as const, tool };
    return [stateOf(what, { ...change, from: start + change.from }, shown.slice(-2))];
  });
  return found.toSorted((a, b) => b.score - a.score).slice(0, 1);
}

function stateOf(
  what: Pick<MetricState, "metric" | "title" | "unit" | "tool">,
  { before, after, score, from }: Change,
  shown: readonly RunFeatures[],
): MetricState {
  return { ...what, before, after, score, from, examples: shown.map(({ id }) => id) };
}
