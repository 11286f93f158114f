/** The filters that `claw audit list`, `follow` and `export` have in common, as options and as what they mean. */
import { type Command, Option } from "commander";
import type { RunFilter } from "../../lib/audit/filter.ts";
import type { RunRow } from "../../lib/audit/run-row.ts";
import { ClawError } from "../../lib/errors.ts";
import { instantOf, startOfDay } from "../../lib/time/wall-clock.ts";

/** As commander hands them over. */
export interface FilterOptions {
  readonly agent?: string;
  readonly principal?: string;
  readonly tool?: string;
  readonly job?: string;
  readonly trigger?: RunRow["trigger"];
  readonly state?: RunRow["state"];
  readonly denied?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly costAbove?: string;
  readonly requestId?: string;
}

const times = "as 2h, 3d, 2026-11-24, 2026-11-24T08:00 or 2026-11-24T07:00Z";

/** Adds the options to a command. */
export function withFilters(command: Command): Command {
  return command
    .option("--agent <name>", "of this agent")
    .option("--principal <principal>", "asked for by this one, as telegram:1001 or matrix:@ada:home.example")
    .option("--tool <name>", "in which this tool was asked for, whatever was decided")
    .option("--job <name>", "attempts at this job")
    .addOption(new Option("--trigger <what>", "begun by").choices(["chat", "agent", "job", "replay"]))
    .addOption(new Option("--state <state>", "that are").choices(["running", "waiting", "done", "failed", "cancelled"]))
    .option("--denied", "in which a call was denied, by a rule or an approver; with --tool: one of that tool")
    .option("--since <time>", `begun since, ${times}`)
    .option("--until <time>", "begun before, the same way")
    .option("--cost-above <amount>", "that cost more, in the currency of the config's prices")
    .option("--request-id <id>", "the provider's id of a request or of its answer");
}

/** The filter of the options. Throws ClawError `bad_request` for what cannot be read. */
export function filterOf(options: FilterOptions, timezone: string, now = new Date()): RunFilter {
  const { since, until, costAbove, ...plain } = options;
  return {
    ...pick(plain),
    since: since === undefined ? undefined : timeOf("--since", since, timezone, now),
    until: until === undefined ? undefined : timeOf("--until", until, timezone, now),
    costAbove: costAbove === undefined ? undefined : amountOf(costAbove),
  };
}

const pick = ({ agent, principal, tool, job, trigger, state, denied, requestId }: FilterOptions): RunFilter => ({
  ...{ agent, principal, tool, job, trigger, state, denied, requestId },
});

/** The same options as they were typed, for the command line of the next page. */
export function filterWords(options: FilterOptions): string[] {
  const { agent, principal, tool, job, trigger, state, denied, since, until, costAbove, requestId } = options;
  const given = { agent, principal, tool, job, trigger, state, since, until, "cost-above": costAbove };
  const words = Object.entries({ ...given, "request-id": requestId }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, quoted(value)],
  );
  return [...words, ...(denied === true ? ["--denied"] : [])];
}

const quoted = (word: string): string => (/^[\w@:./+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** A time as an option takes it: so long ago, a day, or an instant in `timezone` or in a zone of its own. Throws ClawError `bad_request`. */
export function timeOf(option: string, text: string, timezone: string, now = new Date()): Date {
  const [, count = "", unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (count !== "") return new Date(now.getTime() - Number(count) * unitMs[unit as keyof typeof unitMs]);
  if (isDay(text)) return startOfDay(text, timezone);
  const local = instantOf(text, timezone);
  if (local) return local;
  const withZone = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text) ? new Date(text) : undefined;
  if (withZone && !Number.isNaN(withZone.getTime())) return withZone;
  throw new ClawError("bad_request", `${option} ${text}: write it ${times}`);
}

const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);

function amountOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new ClawError("bad_request", `--cost-above ${text}: write an amount as 0.25`);
}
