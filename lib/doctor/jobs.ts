/** Jobs: whether something asks for each when it is due, and what became of the last time. */
import { readFile } from "node:fs/promises";
import type { Config, Job } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { onCalendar } from "../systemd/on-calendar.ts";
import { slotName } from "../jobs/slot-name.ts";
import { unitPrefix } from "../systemd/timers.ts";
import { type JobSlot, jobsKnown, latestSlots } from "../ledger/job-slots.ts";
import { oneLine } from "../one-line.ts";
import { lastSlot, nextSlot } from "../time/slots.ts";
import { type Check, fail, type Finding, ok, shared, skipped, warn } from "./check.ts";
import { askPrivate } from "./gateway-answer.ts";
import type { Ground } from "./ground.ts";
import { findUnit, instantOf, type UnitState } from "./systemd.ts";

/** How jobs stand in the database. */
interface Standing {
  readonly known: ReadonlyMap<string, Date>;
  readonly last: ReadonlyMap<string, JobSlot>;
}

export function jobChecks(ground: Ground): Check[] {
  const { config, tables } = ground;
  if (config.jobs.size === 0) return [];
  const standing = shared("the database does not answer", async (signal) => standingOf(await tables.lean(signal)));
  return [
    { name: "jobs.token", look: (signal) => lookAtToken(ground, signal) },
    ...[...config.jobs.values()].flatMap((job): Check[] => [
      {
        name: `jobs.${job.name}.timer`,
        // Where the database does not answer, nothing of the past is known.
        look: async (signal) =>
          lookAtTimer(config, job, await standing.lean(signal).catch(() => undefined), new Date()),
      },
      {
        name: `jobs.${job.name}.last`,
        look: async (signal) => lookAtLast(job, await standing.lean(signal), new Date()),
      },
    ]),
  ];
}

async function standingOf(sql: Sql): Promise<Standing> {
  const [known, slots] = await Promise.all([jobsKnown(sql), latestSlots(sql)]);
  return { known, last: new Map(slots.map((slot) => [slot.job, slot])) };
}

async function lookAtToken({ config, privateUrl, gateway }: Ground, signal: AbortSignal): Promise<Finding> {
  await gateway.lean(signal);
  if (!config.token)
    return fail("there is no listen.token", "make one with `openssl rand -hex 32`, and name it in [listen]");
  const { status } = await askPrivate(privateUrl, "/jobs", signal, {
    authorization: `Bearer ${config.token.reveal()}`,
  });
  if (status === 200) return ok("the gateway takes listen.token");
  if (status === 401)
    return fail(
      "the gateway refuses listen.token",
      "it was started with another: restart or reload it, and give timers the same",
    );
  return fail(`the gateway answers ${status} to /jobs`, "see its log");
}

/** A slot is hardly asked for later than this, curl's patience with it. */
const graceMs = 10 * 60_000;

/** The slot that should have been asked for by now. */
const dueBy = (job: Job, now: Date): Date | undefined => lastSlot(job, new Date(now.getTime() - graceMs));

function lookAtLast(job: Job, { known, last }: Standing, now: Date): Finding {
  const next = nextSlot(job, now);
  const then = next ? `; next ${slotName(job, next)}` : "";
  const slot = last.get(job.name);
  const since = known.get(job.name);
  if (since === undefined) return skipped(`no gateway knows it yet: it does when it has read this config${then}`);
  const due = dueBy(job, now);
  if (due && due > since && (!slot || slot.slot < due))
    return fail(
      `was due at ${slotName(job, due)}, and nothing asked for it`,
      `see jobs.${job.name}.timer; claw jobs run ${job.name} makes up for it`,
    );
  if (!slot) return ok(`was not due yet${then}`);
  const saw = `${slotName(job, slot.slot)}: ${slot.state}`;
  if (slot.state === "failed" || slot.state === "missed")
    return warn(
      `${saw}${slot.reason === undefined ? "" : `, ${oneLine(slot.reason, 200)}`}`,
      `claw jobs history ${job.name}; claw jobs rerun ${job.name} tries it again`,
    );
  return ok(`${saw}${then}`);
}

const timerProperties = ["UnitFileState", "FragmentPath", "NextElapseUSecRealtime"];

async function lookAtTimer(config: Config, job: Job, standing: Standing | undefined, now: Date): Promise<Finding> {
  const next = nextSlot(job, now);
  const when = next ? `, next ${slotName(job, next)}` : "";
  if (config.scheduler === "internal") return ok(`by the gateway's own clock${when}`);
  const unit = `${unitPrefix}${job.name}.timer`;
  const found = await findUnit(unit, timerProperties);
  if (typeof found === "object") return lookAtUnit(job, unit, found, next, now);
  const slot = standing?.last.get(job.name);
  const due = dueBy(job, now);
  if (slot?.cause === "timer" && due && slot.slot >= due)
    return ok(`something asks for it in time, though no timer is seen here${when}`);
  if (found === "unseen") return skipped(`systemd is not seen from here, so neither is its timer${when}`);
  return fail(
    `there is no ${unit} here, and nothing else asked for its last slot`,
    'claw timers systemd --help tells how to make it; or scheduler = "internal", and the gateway keeps the time',
  );
}

async function lookAtUnit(
  job: Job,
  unit: string,
  { manager, properties }: UnitState,
  next: Date | undefined,
  now: Date,
): Promise<Finding> {
  const { ActiveState, UnitFileState, FragmentPath = "", NextElapseUSecRealtime = "" } = properties;
  const systemctl = manager === "user" ? "systemctl --user" : "systemctl";
  if (ActiveState !== "active")
    return fail(`${unit} is ${ActiveState ?? "not active"}`, `${systemctl} enable --now ${unit}`);
  const elapse = instantOf(NextElapseUSecRealtime);
  // It may elapse besides, when nothing is due; but not let a slot pass.
  const late = next !== undefined && (elapse === undefined || elapse.getTime() > next.getTime() + 60_000);
  if (late || !(await hasSchedule(job, FragmentPath, now)))
    return fail(
      `${unit} goes by another schedule than "${job.schedule}" (${job.timezone})`,
      `write it anew: claw timers systemd --${manager} --dir FOLDER, then ${systemctl} daemon-reload`,
    );
  const asked = await findUnit(unit.replace(/timer$/, "service"), ["Result", "ExecMainStatus"]);
  const { Result = "success", ExecMainStatus = "" } = typeof asked === "object" ? asked.properties : {};
  if (Result !== "success")
    return fail(`${unit}'s last request failed (${Result} ${ExecMainStatus})`, remedyFor(ExecMainStatus, manager, job));
  if (UnitFileState === "disabled")
    return warn(`${unit} is active, but not after a restart`, `${systemctl} enable ${unit}`);
  return ok(`${unit} (${manager})${next ? `, next ${slotName(job, next)}` : ""}`);
}

/** The lines that the schedule takes; a file of somebody else's may say it in other words, so only ours are read. */
async function hasSchedule(job: Job, file: string, now: Date): Promise<boolean> {
  const text = await readFile(file, "utf8").catch(() => "");
  if (!text.startsWith("# Written by `claw timers systemd`")) return true;
  const lines = new Set(text.split("\n"));
  return onCalendar(job, now).every(({ spec, reason }) => reason !== undefined || lines.has(`OnCalendar=${spec}`));
}

/** By curl's exit codes, and systemd's own. */
function remedyFor(status: string, manager: UnitState["manager"], { name }: Job): string {
  const log = `journalctl ${manager === "user" ? "--user " : ""}-u ${unitPrefix}${name}.service says more`;
  if (status === "22") return `the gateway refused it: is the token in the timer's token file listen.token? ${log}`;
  if (status === "243") return `its token file is not there or may not be read; ${log}`;
  if (status === "7" || status === "28")
    return `the gateway was not reached by the timer's --url: is it listen.private? ${log}`;
  return log;
}
