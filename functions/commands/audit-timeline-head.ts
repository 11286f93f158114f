/** What a run is, above its timeline: who asked, its sums, its keys and chain, and what belongs to it. */
import type { RunRow } from "../../lib/audit/run-row.ts";
import type { Timeline } from "../../lib/audit/timeline.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { localName } from "../../lib/time/wall-clock.ts";
import { amount, whoOf } from "./audit-table.ts";

/** The lines, each fact with its name. */
export function headLines(timeline: Timeline, timezone: string): string[] {
  const { run, parent, children, approvals, deliveries } = timeline;
  const time = (at: Date): string => localName(at, timezone);
  const facts: [string, string][] = [
    ["began", `${time(run.startedAt)} (${timezone})`],
    ["agent", run.agent],
    ["who", run.principal],
    ["in", run.lane],
    ["trigger", triggerOf(run, timezone)],
    ["sums", sumsOf(run)],
    ["taint", run.taint ?? "none"],
    ["policy", `${run.policyHash}, prompt ${run.promptHash}`],
    ["said", accessWords(timeline)],
    ["chain", chainWords(timeline)],
    ...(parent ? [["part of", runWords(parent)] as [string, string]] : []),
    ...children.map((child): [string, string] => ["has", runWords(child)]),
    ...approvals.map(({ code, tool, state, decidedBy, rule }): [string, string] => [
      "approval",
      `${code} for ${tool} (${rule}): ${state}${decidedBy === null ? "" : ` by ${decidedBy}`}`,
    ]),
    ...deliveries.map(({ lane, state, attempts, sentAt, reason }): [string, string] => [
      "delivery",
      `${state}${sentAt ? ` ${time(sentAt)}` : ""} to ${lane}${attempts > 1 ? `, ${attempts} attempts` : ""}${reason === null ? "" : `: ${reason}`}`,
    ]),
  ];
  const title = `Run ${run.id}: ${run.state}${run.error === null ? "" : ` (${run.error})`}`;
  return [title, ...facts.map(([name, value]) => `  ${name.padEnd(9)} ${visible(value)}`)];
}

function triggerOf({ trigger, job, slot, attempt }: RunRow, timezone: string): string {
  if (job === null) return trigger;
  const which = slot === null ? "" : `, slot ${localName(slot, timezone)}`;
  return `${trigger} ${job}${which}${attempt === null ? "" : `, attempt ${attempt}`}`;
}

function sumsOf(run: RunRow): string {
  const tokens = run.inputTokens === null ? "tokens unknown" : `${run.inputTokens} + ${run.outputTokens ?? 0} tokens`;
  const took = run.seconds === null ? "" : `, ${run.seconds.toFixed(1)} s`;
  const cost = run.cost === null ? "cost unknown" : `cost ${amount(run.cost)}`;
  const denied = run.denied === 0 ? "" : ` (${run.denied} denied)`;
  return `${counted(run.steps, "step")}, ${counted(run.toolCalls, "tool call")}${denied}, ${tokens}, ${cost}${took}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function accessWords({ access, run }: Timeline): string {
  switch (access) {
    case "opened":
      return "opened below";
    case "erased":
      return "erased: nobody can open what was said in it";
    case "sealed":
      return run.openedBy === "operator"
        ? "sealed: the gateway's key to it is gone by audit.gateway_retention_days; --identity opens it"
        : "sealed";
  }
}

function chainWords({ chain, run }: Timeline): string {
  if (chain.broken) return `BROKEN at row ${chain.broken.seq} of ${chain.rows}: ${chain.broken.why}`;
  const end =
    run.checkpoint === null ? "its end is in no checkpoint yet" : `its end is in checkpoint ${run.checkpoint}`;
  return `${counted(chain.rows, "row")}, whole; ${end}`;
}

const runWords = (run: RunRow): string => `${run.id} (${run.agent}, ${whoOf(run)}, ${run.state})`;
