/** /jobs on the private listener: what there is, and having one run. Whoever asks shows `listen.token`; no body is read. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Context, Hono } from "hono";
import type { Config, Job } from "../lib/config/config.ts";
import type { ConversationDeps } from "../lib/conversation/deps.ts";
import { ClawError } from "../lib/errors.ts";
import { askForSlot } from "../lib/jobs/ask.ts";
import { dryRun } from "../lib/jobs/dry.ts";
import { parseSlot, slotName } from "../lib/jobs/slot-name.ts";
import { dueSlot, nextSlot } from "../lib/time/slots.ts";
import { type JobSlot, latestSlots, type OpenSlot, slotById, slotsOf } from "../lib/ledger/job-slots.ts";
import { localName } from "../lib/time/wall-clock.ts";
import { isBearer } from "./bearer.ts";

export interface JobsDeps {
  readonly deps: ConversationDeps;
  /** Nobody is kept waiting any longer. */
  readonly ending: AbortSignal;
}

const lookAgainMs = 150;
const shownAttempts = 20;
const shownNext = 3;

export function createJobsFunction({ deps, ending }: JobsDeps): Hono {
  const { config, sql } = deps;
  const app = new Hono();

  app.use("/jobs/*", async (context, next) => {
    if (isBearer(config(), context.req.header("authorization"))) return next();
    context.header("www-authenticate", "Bearer");
    const message = config().token
      ? "send the header Authorization: Bearer TOKEN, with the token that listen.token of the config names"
      : "no token is set: add listen.token to the config, and restart the gateway";
    return context.json({ error: "unauthorized", message }, 401);
  });

  app.get("/jobs", async (context) => {
    const last = new Map((await latestSlots(sql)).map((slot) => [slot.job, slot]));
    const jobs = [...config().jobs.values()].map((job) => ({
      ...settingsOf(job),
      next: nextOf(job, 1)[0] ?? null,
      last: attemptOf(job, last.get(job.name)) ?? null,
    }));
    return context.json({ jobs });
  });

  app.get("/jobs/:name", (context) =>
    answering(context, async () => {
      const job = jobOf(config(), context.req.param("name"));
      const attempts = (await slotsOf(sql, job.name, shownAttempts)).map((slot) => attemptOf(job, slot));
      return context.json({ ...settingsOf(job), next: nextOf(job, shownNext), attempts });
    }),
  );

  app.post("/jobs/:name", (context) =>
    answering(context, async () => {
      const job = jobOf(config(), context.req.param("name"));
      const named = context.req.query("slot");
      const slot = named === undefined ? undefined : parseSlot(job, named);
      if (isOn(context, "dry")) return context.json(await dry(deps, job, slot));
      const rerun = isOn(context, "rerun");
      const cause = slot || rerun ? "hand" : "timer";
      const asked = await askForSlot(deps, { job, cause, rerun, ...(slot && { slot }) });
      const status = asked.created && asked.slot.state === "new" ? 202 : 200;
      const waits = isOn(context, "wait");
      const seen = waits ? await ended(deps, asked.slot, AbortSignal.any([ending, context.req.raw.signal])) : undefined;
      return context.json(attemptOf(job, seen ?? (await slotById(sql, asked.slot.id)) ?? asked.slot), status);
    }),
  );
  return app;
}

/** Who may ask is told what was wrong with it. */
async function answering(context: Context, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (thrown) {
    if (!(thrown instanceof ClawError)) throw thrown;
    return context.json({ error: thrown.code, message: thrown.message }, thrown.status as 400);
  }
}

const isOn = (context: Context, name: string): boolean => ["1", "true", ""].includes(context.req.query(name) ?? "0");

function jobOf({ jobs }: Config, name: string): Job {
  const job = jobs.get(name);
  if (job) return job;
  const names = [...jobs.keys()].join(", ");
  throw new ClawError(
    "not_found",
    `there is no job "${name.slice(0, 50)}"; ${names ? `there are: ${names}` : "the config has none"}`,
  );
}

const settingsOf = (job: Job) => ({
  ...{ job: job.name, agent: job.agent, function: job.function, schedule: job.schedule },
  ...{ timezone: job.timezone, deliver: job.deliver },
});

function nextOf(job: Job, count: number): { slot: string; local: string }[] {
  const next: { slot: string; local: string }[] = [];
  let at: Date | undefined = new Date();
  while (next.length < count && (at = nextSlot(job, at)))
    next.push({ slot: at.toISOString(), local: localName(at, job.timezone) });
  return next;
}

/** One attempt, as it is told. `waiting`: for an approval. */
const attemptOf = (job: Job, slot: (JobSlot & Partial<OpenSlot>) | undefined) =>
  slot && {
    job: job.name,
    slot: slot.slot.toISOString(),
    local: slotName(job, slot.slot),
    attempt: slot.attempt,
    state: isWaiting(slot) ? "waiting" : slot.state,
    cause: slot.cause,
    run: slot.runId ?? null,
    reason: slot.reason ?? null,
    not_before: slot.notBefore.toISOString(),
    created_at: slot.createdAt.toISOString(),
    finished_at: slot.finishedAt?.toISOString() ?? null,
  };

const isWaiting = ({ state, runState }: JobSlot & Partial<OpenSlot>): boolean =>
  state === "running" && runState === "waiting";

const over: ReadonlySet<JobSlot["state"]> = new Set(["done", "quiet", "failed", "missed"]);

/** The attempt once it is over, or waits for an approval, or nobody waits for it any more. Any process may be working on it. */
async function ended({ sql }: ConversationDeps, asked: JobSlot, signal: AbortSignal): Promise<OpenSlot | undefined> {
  for (;;) {
    const slot = await slotById(sql, asked.id);
    if (!slot || over.has(slot.state) || isWaiting(slot) || signal.aborted) return slot;
    await sleep(lookAgainMs, undefined, { signal }).catch(() => {});
  }
}

async function dry(deps: ConversationDeps, job: Job, named: Date | undefined) {
  const now = new Date();
  const slot = named ?? dueSlot(job, now) ?? nextSlot(job, now) ?? now;
  const { run, text, places, readings } = await dryRun(deps, job, slot);
  return {
    ...{ job: job.name, dry: true, slot: slot.toISOString(), local: slotName(job, slot), run },
    sources: readings.map(({ call, state, text: told }) => ({
      ...{ title: call.title, tool: call.tool, args: call.args, state },
      ...(state !== "read" && { reason: told }),
    })),
    messages: text === "" ? [] : places.map((to) => ({ to, text })),
  };
}
