/** How an agent stands, for `claw drift` and the ops page. */
import type { Sql } from "../../db/client.ts";
import { type DriftAlert } from "../../ledger/drift-alerts.ts";
import { likelyCauses, type Cause } from "./causes.ts";
import type { MetricState } from "./detect.ts";
import type { RunFeatures, RunKind } from "./features.ts";
import { lookAt } from "./look.ts";
import { levelMetrics, rateMetrics, type Unit } from "./metrics.ts";
import { kindsOf } from "./read-runs.ts";
import { alsoScore } from "./thresholds.ts";

/** One metric of a kind. `learning`: too few runs; `moving`: not far enough to be told. */
export interface MetricReport {
  readonly metric: string;
  readonly title: string;
  readonly unit: Unit;
  readonly tool?: string;
  readonly state: "learning" | "steady" | "moving" | "changed";
  /** Null while learning. */
  readonly before: number | null;
  /** Since the likeliest change; as a whole where there is none. */
  readonly after: number | null;
  /** Of the threshold; 1 and more: changed. */
  readonly score: number | null;
}

/** A metric run by run, oldest first; null where a run has none. Of a rate 1 or 0. */
export interface MetricSeries {
  readonly metric: string;
  readonly title: string;
  readonly unit: Unit;
  readonly values: readonly (number | null)[];
}

/** Runs of one kind. */
export interface KindReport {
  readonly kind: RunKind;
  readonly runs: number;
  readonly metrics: readonly MetricReport[];
  /** Of what moves or changed now; empty where nothing does. */
  readonly causes: readonly Cause[];
  /** When each run of the series began: the x of charts. */
  readonly at: readonly Date[];
  readonly ids: readonly string[];
  readonly series: readonly MetricSeries[];
  /** Of the last 30 days, newest first. */
  readonly alerts: readonly DriftAlert[];
}

export interface DriftReport {
  readonly agent: string;
  /** None: the agent has not run. */
  readonly kinds: readonly KindReport[];
}

/** Reads and judges the newest runs of an agent. */
export async function driftReport(
  sql: Sql,
  agent: string,
  options: { readonly baselineRuns: number; readonly kind?: RunKind | undefined; readonly now?: Date },
): Promise<DriftReport> {
  const { baselineRuns, kind: only, now = new Date() } = options;
  const kinds: KindReport[] = [];
  for (const kind of await kindsOf(sql, agent)) {
    if (only !== undefined && kind !== only) continue;
    const { runs, states, alerts } = await lookAt(sql, { agent, kind, baselineRuns, now });
    const moving = states.toSorted((a, b) => b.score - a.score).find(({ score }) => score >= alsoScore);
    kinds.push({
      kind,
      runs: runs.length,
      metrics: metricReports(states),
      causes: moving ? likelyCauses(runs, moving.from) : [],
      at: runs.map(({ startedAt }) => startedAt),
      ids: runs.map(({ id }) => id),
      series: seriesOf(runs),
      alerts,
    });
  }
  return { agent, kinds };
}

function metricReports(states: readonly MetricState[]): MetricReport[] {
  const rates = rateMetrics.map(({ name, title }) => ({ name, title, unit: "share" as const }));
  const tools = { name: "tools", title: "runs that use a tool", unit: "share" as const };
  return [...levelMetrics, ...rates, tools].map(({ name, title, unit }) => {
    const state = states.find(({ metric }) => metric === name);
    if (!state) return { metric: name, title, unit, state: "learning", before: null, after: null, score: null };
    const { before, after, score, tool } = state;
    return {
      metric: name,
      title,
      unit,
      ...(tool !== undefined && { tool }),
      state: score >= 1 ? "changed" : score >= alsoScore ? "moving" : "steady",
      before,
      after,
      score,
    };
  });
}

const seriesOf = (runs: readonly RunFeatures[]): MetricSeries[] => [
  ...levelMetrics.map(({ name, title, unit, value }) => ({
    metric: name,
    title,
    unit,
    values: runs.map((run) => value(run) ?? null),
  })),
  ...rateMetrics.map(({ name, title, hit }) => ({
    metric: name,
    title,
    unit: "share" as const,
    values: runs.map((run) => Number(hit(run))),
  })),
];
