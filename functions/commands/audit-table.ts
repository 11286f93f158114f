/** Runs as a table for a terminal. */
import type { RunRow } from "../../lib/audit/run-row.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { shortId } from "../../lib/ledger/runs.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { minuteOf } from "../../lib/time/wall-clock.ts";

const head = ["RUN", "BEGAN", "AGENT", "WHO", "STATE", "STEPS", "TOOLS", "TOKENS", "COST", "SECONDS"];

/** Runs as lines of a table; a word where there are none. */
export function runsTable(runs: readonly RunRow[], timezone: string): string[] {
  if (runs.length === 0) return ["No run is like that."];
  return alignedLines([head, ...runs.map((run) => tableRow(run, timezone))]);
}

const tableRow = (run: RunRow, timezone: string): string[] => [
  ...[shortId(run.id), minuteOf(run.startedAt, timezone), run.agent, visible(whoOf(run))],
  ...[run.error === null ? run.state : `${run.state}: ${run.error}`, String(run.steps)],
  run.denied === 0 ? String(run.toolCalls) : `${run.toolCalls} (${run.denied} denied)`,
  run.inputTokens === null ? "-" : String(run.inputTokens + (run.outputTokens ?? 0)),
  ...[amount(run.cost), run.seconds === null ? "-" : run.seconds.toFixed(1)],
];

/** The job, or who asked. */
export const whoOf = ({ job, principal }: Pick<RunRow, "job" | "principal">): string =>
  job === null ? principal : `job ${job}`;

/** An amount of money without needless digits; a dash where it is unknown. */
export const amount = (cost: number | null | undefined): string =>
  typeof cost === "number" ? `${+cost.toFixed(6)}` : "-";
