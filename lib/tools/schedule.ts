/** schedule_propose: what a person asks to be told or done later. It becomes a message of theirs in the same chat. */
import { z } from "zod";
import type { Destination, Lane, Principal } from "../channel/types.ts";
import type { RawConfig } from "../config/schema.ts";
import { timezone as zone } from "../config/primitives.ts";
import { parseCron } from "../config/cron.ts";
import { ClawError } from "../errors.ts";
import { instantOf } from "../time/wall-clock.ts";
import { nextSlot } from "../time/slots.ts";
import { timetableWords } from "../time/timetable-words.ts";
import type { TaintSource } from "../policy/taint.ts";
import { defineTool, type Foresight, type Tool } from "./define.ts";
import { instantWords } from "../time/names.ts";

/** What happens once, or again and again, and where. */
export interface NewSchedule {
  readonly principal: Principal;
  readonly agent: string;
  readonly lane: Lane;
  /** Without what it would answer: by then that is long past. */
  readonly destination: Destination;
  readonly shared: boolean;
  /** Undefined: once, at `nextAt`. */
  readonly cron: string | undefined;
  readonly timezone: string;
  readonly what: string;
  /** What had tainted the run that made it. */
  readonly taint: readonly TaintSource[];
  readonly nextAt: Date;
}

/** Where schedules are kept. */
export interface ScheduleStore {
  /** Adds one and returns its number, that of the one already added under this `callKey`, or "full" past `most` open ones of the person. */
  add(schedule: NewSchedule, callKey: string, most: number): Promise<number | "full">;
}

const input = z.strictObject({
  what: z.string().trim().min(1).max(2_000).describe("What you are to do or tell then, complete in itself"),
  cron: z.string().max(200).optional().describe('again and again: five fields, "0 7 * * 1-5"'),
  at: z.string().max(40).optional().describe('once: local time, "2026-11-28T18:00"'),
  timezone: zone.optional().describe("IANA; left out, the person's"),
});

type Proposal = z.output<typeof input>;

/** The tool over a store. `settings` is read at each call: config may change. */
export function scheduleTools(store: ScheduleStore, settings: () => RawConfig["tools"]["schedule"]): Tool[] {
  return [
    defineTool({
      name: "schedule_propose",
      description: "Schedules a reminder or a recurring check that the person asks for. A person approves it first.",
      input,
      labels: ["private", "act"],
      effect: "keyed",
      asks: true,
      timeoutMs: 10_000,
      outputLimit: 1_000,
      foresee: (proposal, circumstances) => planOf(proposal, circumstances, settings().least_minutes).words,
      async run(proposal, context) {
        const { principal, agent, shared, taint, callKey } = context;
        const { place, words, ...when } = planOf(proposal, context, settings().least_minutes);
        const { replyTo: _, ...destination } = place.destination;
        const { lane } = place;
        const schedule = { principal, agent, lane, destination, shared, what: proposal.what, taint, ...when };
        const { max_per_person: most } = settings();
        const id = await store.add(schedule, callKey, most);
        if (id === "full")
          throw new ClawError(
            "limit_reached",
            `The person has ${most} schedules already, and may have no more: tell them to delete some by the command jobs.`,
          );
        const text = `Scheduled as #${id}: ${words}. The person lists and deletes such by the command jobs.`;
        return { text, data: { id, next: when.nextAt.toISOString() } };
      },
    }),
  ];
}

interface Plan extends Pick<NewSchedule, "cron" | "timezone" | "nextAt"> {
  readonly place: NonNullable<Foresight["place"]>;
  /** When, for the approver and the model. */
  readonly words: string;
}

/** What a proposal comes to. Throws ClawError that says what to change. */
function planOf({ cron, at, timezone: named }: Proposal, context: Foresight, leastMinutes: number): Plan {
  const { place } = context;
  if (!place)
    throw wrong(
      "Nothing can be scheduled here: it is for a person in their chat with you, and not for a job or an agent that another asks.",
    );
  const timezone = named ?? context.timezone;
  const now = context.now();
  if ((cron === undefined) === (at === undefined)) throw wrong("Give exactly one of cron and at.");
  if (at !== undefined) {
    const nextAt = instantOf(at, timezone);
    if (!nextAt) throw wrong(`at "${at}" must be a local date and time such as 2026-11-28T18:00, without an offset.`);
    const words = `once, on ${instantWords(nextAt, timezone)} (${timezone})`;
    if (nextAt <= now) throw wrong(`That is past: ${words}. It is ${instantWords(now, timezone)} there now.`);
    return { place, cron: undefined, timezone, nextAt, words };
  }
  const schedule = (cron ?? "").trim().split(/\s+/).join(" ");
  const parsed = parseCron(schedule);
  if (typeof parsed === "string") throw wrong(`cron ${parsed}`);
  const nextAt = nextSlot({ schedule, timezone }, now);
  if (!nextAt) throw wrong(`cron "${schedule}" never happens.`);
  mustBeRare(schedule, now, leastMinutes);
  const words = `${timetableWords({ schedule, timezone })}, next on ${instantWords(nextAt, timezone)}`;
  return { place, cron: schedule, timezone, nextAt, words };
}

const wrong = (what: string): ClawError => new ClawError("bad_request", what);

/** Enough for a whole day of what happens every few minutes. */
const occurrences = 500;

/** By the clock on the wall: a day of 23 hours is no more often than daily. */
function mustBeRare(schedule: string, now: Date, leastMinutes: number): void {
  let last: Date | undefined;
  let next = nextSlot({ schedule, timezone: "UTC" }, now);
  for (let count = 0; next && count < occurrences; count += 1) {
    if (last && next.getTime() - last.getTime() < leastMinutes * 60_000)
      throw wrong(`cron "${schedule}" is too often: ${leastMinutes} minutes must lie between two occurrences.`);
    last = next;
    next = nextSlot({ schedule, timezone: "UTC" }, next);
  }
}
