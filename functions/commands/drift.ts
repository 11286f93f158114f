import type { Command } from "commander";
import type { RunKind } from "../../lib/audit/drift/features.ts";
import { driftReport, type DriftReport, type KindReport, type MetricReport } from "../../lib/audit/drift/report.ts";
import { aboutWhat, amount, causeText, kindName } from "../../lib/audit/drift/words.ts";
import type { Config } from "../../lib/config/config.ts";
import { suggest } from "../../lib/config/nearest.ts";
import { ClawError } from "../../lib/errors.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { minuteOf } from "../../lib/time/wall-clock.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** Adds `claw drift`: whether agents behave as they did. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("drift")
    .summary("whether agents behave as they did")
    .description(
      "Holds an agent's newest runs against those before them, chats and each job apart: what it uses, says, costs, waits for and is refused. Without an agent, all of them in short.",
    )
    .argument("[agent]")
    .option("--kind <kind>", "only these runs: chat, agent, schedule or job:NAME")
    .option("--json", "as JSON, with the numbers of each run")
    .action(async (agent: string | undefined, { kind, json = false }: { kind?: string; json?: boolean }) => {
      const config = await context.loadConfig();
      const only = kindOf(kind);
      if (agent !== undefined && !config.agents.has(agent)) throw unknownAgent(config, agent);
      const names = agent === undefined ? [...config.agents.keys()] : [agent];
      const baselineRuns = config.drift.baseline_runs;
      const reports = await withDatabase(config, async (sql) => {
        const made: DriftReport[] = [];
        for (const name of names) made.push(await driftReport(sql, name, { baselineRuns, kind: only }));
        return made;
      });
      if (json) context.out(JSON.stringify(agent === undefined ? reports : reports[0], undefined, 2));
      else if (agent === undefined) for (const line of alignedLines(inShort(reports))) context.out(line);
      else for (const line of reports.flatMap((report) => inFull(report, config.timezone))) context.out(line);
    });
}

function kindOf(written: string | undefined): RunKind | undefined {
  if (written === undefined || written === "chat" || written === "agent" || written === "schedule") return written;
  if (written.startsWith("job:")) return written as `job:${string}`;
  throw new ClawError("bad_request", `--kind ${written}: write chat, agent, schedule or job:NAME`);
}

function unknownAgent(config: Config, name: string): ClawError {
  return new ClawError(
    "not_found",
    `${name}: no such agent in ${config.file}; ${suggest(name, "Agents", [...config.agents.keys()])}`,
  );
}

function inShort(reports: readonly DriftReport[]): string[][] {
  const rows = reports.flatMap(({ agent, kinds }) =>
    kinds.length === 0
      ? [[agent, "-", "0", "no runs yet", "-"]]
      : kinds.map(({ kind, runs, metrics, alerts }) => [agent, kind, `${runs}`, verdict(metrics), `${alerts.length}`]),
  );
  return [["AGENT", "KIND", "RUNS", "STATE", "ALERTS IN 30 DAYS"], ...rows];
}

function verdict(metrics: readonly MetricReport[]): string {
  const named = (state: MetricReport["state"]): string[] =>
    metrics.filter((each) => each.state === state).map(({ metric }) => metric);
  if (named("changed").length > 0) return `changed: ${named("changed").join(", ")}`;
  if (named("moving").length > 0) return `moving: ${named("moving").join(", ")}`;
  return named("steady").length > 0 ? "steady" : "learning";
}

function inFull({ agent, kinds }: DriftReport, timezone: string): string[] {
  if (kinds.length === 0) return [`${agent} has no ended runs of that kind.`];
  return kinds.flatMap((kind, at) => [...(at > 0 ? [""] : []), ...kindLines(agent, kind, timezone)]);
}

function kindLines(agent: string, { kind, runs, metrics, causes, alerts }: KindReport, timezone: string): string[] {
  const number = (unit: MetricReport["unit"], value: number | null): string =>
    value === null ? "-" : amount(unit, value);
  return [
    `${agent} ${kindName(kind)}: the last ${runs} runs`,
    ...alignedLines([
      ["METRIC", "BEFORE", "NOW", "SCORE", "STATE"],
      ...metrics.map(({ unit, before, after, score, state, ...of }) => [
        aboutWhat(of).replaceAll("`", ""),
        number(unit, before),
        number(unit, after),
        score === null ? "-" : score.toFixed(2),
        state,
      ]),
    ]),
    ...causes.map((cause) => `Likely cause: ${causeText(cause, timezone).replaceAll("`", "")}`),
    ...(alerts.length === 0 ? [] : ["Alerts of the last 30 days:"]),
    ...alerts.flatMap(({ at, finding }) => [
      `  ${minuteOf(at, timezone)}  ${aboutWhat(finding).replaceAll("`", "")}: ${amount(finding.unit, finding.before)} → ${amount(finding.unit, finding.after)}`,
      ...finding.causes.map((cause) => `    Likely cause: ${causeText(cause, timezone).replaceAll("`", "")}`),
      ...finding.examples.map((id) => `    claw audit show ${id}`),
    ]),
  ];
}
