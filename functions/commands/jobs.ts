import type { Command } from "commander";
import { z } from "zod";
import type { Config, Job } from "../../lib/config/config.ts";
import { suggest } from "../../lib/config/nearest.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { ClawError } from "../../lib/errors.ts";
import { slotName } from "../../lib/jobs/slot-name.ts";
import { nextSlot } from "../../lib/time/slots.ts";
import { type JobSlot, latestSlots, slotsOf } from "../../lib/ledger/job-slots.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { askGateway } from "./ask-gateway.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { withDatabase } from "./database.ts";
import { localName } from "../../lib/time/wall-clock.ts";

const usualLimit = 20;
const mostLimit = 1_000;

/** Adds `claw jobs`: what is scheduled, what became of it, and having a job run by hand. */
export function register(program: Command, context: CommandContext): void {
  const jobs = program
    .command("jobs")
    .summary("list and run scheduled jobs")
    .description("The jobs of the config, and their slots: the times they were due.");
  jobs
    .command("list", { isDefault: true })
    .description("Each job with its last slot and its next one.")
    .option("--json", "one JSON array")
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = await context.loadConfig();
      const last = new Map((await withDatabase(config, latestSlots)).map((slot) => [slot.job, slot]));
      const rows = [...config.jobs.values()].map((job) => ({
        job,
        last: last.get(job.name),
        next: nextSlot(job, new Date()),
      }));
      if (json) context.out(JSON.stringify(rows.map(listed), undefined, 2));
      else if (rows.length === 0) context.out(`${config.file} has no jobs: add [jobs.NAME].`);
      else for (const line of alignedLines([listHead, ...rows.map(listRow)])) context.out(line);
    });
  jobs
    .command("history")
    .argument("<name>")
    .description("The attempts at a job's slots, newest first.")
    .option("--limit <count>", `so many of them (default: ${usualLimit})`)
    .option("--json", "one JSON array")
    .action(async (name: string, { limit, json = false }: { limit?: string; json?: boolean }) => {
      const config = await context.loadConfig();
      const slots = await withDatabase(config, (sql) => slotsOf(sql, name, limitOf(limit)));
      const job = config.jobs.get(name);
      // What a job did that the config has no more is still told.
      if (!job && slots.length === 0) throw unknownJob(config, name);
      const timezone = job?.timezone ?? config.timezone;
      if (json) context.out(JSON.stringify(slots, undefined, 2));
      else if (slots.length === 0) context.out(`${name} was never asked for.`);
      else for (const line of alignedLines([historyHead, ...slots.map(historyRow(timezone))])) context.out(line);
    });
  jobs
    .command("run")
    .argument("<name>")
    .description("Has the slot that is due run, unless that was done; what `claw timers` and the gateway's clock do.")
    .option("--wait", "until it has ended; exit code 1 where it failed")
    .option("--dry", "show what would be sent; send and change nothing")
    .option("--json", "the gateway's answer")
    .action((name: string, options: RunOptions) => run(context, name, options));
  jobs
    .command("rerun")
    .argument("<name>")
    .description("Runs a slot once more, whatever became of it.")
    .option("--slot <time>", "as 2026-11-24T08:00 in the job's time zone, or 2026-11-24T07:00Z (default: the last)")
    .option("--wait", "until it has ended; exit code 1 where it failed")
    .option("--json", "the gateway's answer")
    .action((name: string, options: RunOptions) => run(context, name, { ...options, rerun: true }));
}

interface RunOptions {
  readonly slot?: string;
  readonly rerun?: boolean;
  readonly wait?: boolean;
  readonly dry?: boolean;
  readonly json?: boolean;
}

/** The gateway decides what a slot's name means and whether there is such a job: its config is the one in force. */
async function run(context: CommandContext, name: string, options: RunOptions): Promise<void> {
  const query = new URLSearchParams();
  for (const flag of ["rerun", "wait", "dry"] as const) if (options[flag]) query.set(flag, "1");
  if (options.slot !== undefined) query.set("slot", options.slot);
  const path = `/jobs/${encodeURIComponent(name)}${query.size > 0 ? `?${query.toString()}` : ""}`;
  const { status, body } = await askGateway(await context.loadConfig(), "POST", path);
  if (options.json) context.out(JSON.stringify(body, undefined, 2));
  else if (options.dry) for (const line of dryLines(dryAnswer.parse(body))) context.out(line);
  else {
    const attempt = attemptAnswer.parse(body);
    for (const line of attemptLines(attempt)) context.out(line);
    if (status === 200 && !options.rerun)
      context.note(`It was asked for before: nothing was done. \`claw jobs rerun ${name}\` runs it once more.`);
  }
  if (options.wait && !options.dry && ["failed", "missed"].includes(attemptAnswer.parse(body).state))
    throw new ExitCode(1);
}

const attemptAnswer = z.object({
  job: z.string(),
  slot: z.string(),
  local: z.string().optional(),
  attempt: z.number(),
  state: z.string(),
  run: z.string().nullish(),
  reason: z.string().nullish(),
});

function attemptLines({ job, slot, local, attempt, state, run: id, reason }: z.infer<typeof attemptAnswer>): string[] {
  const which = `${job} of ${local ?? slot}${attempt > 1 ? `, attempt ${attempt}` : ""}`;
  return [`${which}: ${state}${id ? ` (run ${id})` : ""}`, ...(reason ? [`  ${visible(reason)}`] : [])];
}

const dryAnswer = z.object({
  sources: z.array(z.object({ title: z.string(), state: z.string(), reason: z.string().optional() })).default([]),
  messages: z.array(z.object({ to: z.string(), text: z.string() })).default([]),
});

function dryLines({ sources, messages }: z.infer<typeof dryAnswer>): string[] {
  const texts = [...Map.groupBy(messages, ({ text }) => text)];
  return [
    ...sources.map(({ title, state, reason }) => `${title}: ${state}${reason ? `: ${visible(reason)}` : ""}`),
    ...texts.flatMap(([text, same]) => ["", `To ${same.map(({ to }) => to).join(", ")}:`, "", ...shownLines(text)]),
    ...(texts.length === 0 ? ["Nothing would be sent."] : []),
  ];
}

/** What models write cannot move the terminal's cursor. */
const shownLines = (text: string): string[] => text.split("\n").map(visible);

interface Listed {
  readonly job: Job;
  readonly last: JobSlot | undefined;
  readonly next: Date | undefined;
}

const listed = ({ job, last, next }: Listed) => ({
  ...{ job: job.name, agent: job.agent, schedule: job.schedule, timezone: job.timezone },
  last: last ?? null,
  next: next ?? null,
});

const listHead = ["JOB", "AGENT", "SCHEDULE", "LAST", "STATE", "NEXT"];

const listRow = ({ job, last, next }: Listed): string[] => [
  ...[job.name, job.agent, `${job.schedule} (${job.timezone})`],
  ...(last ? [slotName(job, last.slot), last.state] : ["-", "-"]),
  next ? slotName(job, next) : "-",
];

const historyHead = ["SLOT", "ATTEMPT", "STATE", "CAUSE", "ENDED", "RUN", "REASON"];

const historyRow =
  (timezone: string) =>
  (slot: JobSlot): string[] => [
    ...[localName(slot.slot, timezone), String(slot.attempt), slot.state, slot.cause],
    ...[slot.finishedAt ? localName(slot.finishedAt, timezone) : "-", slot.runId ?? "-", visible(slot.reason ?? "")],
  ];

function limitOf(text: string | undefined): number {
  const limit = text === undefined ? usualLimit : Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= mostLimit) return limit;
  throw new ClawError("bad_request", `--limit ${text}: write a number from 1 to ${mostLimit}`);
}

const unknownJob = ({ jobs }: Config, name: string): ClawError =>
  new ClawError("not_found", `there is no job "${visible(name)}"; ${suggest(name, "Jobs", [...jobs.keys()])}`);
