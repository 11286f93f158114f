/** Schedules that are due become messages in their mailboxes, each occurrence once, and are answered as any other. */
import type { Destination, InboundMessage } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { messageOf } from "../errors.ts";
import type { InboxEntry, TransactionalInbox } from "../ledger/inbox.ts";
import { dueSchedules, endSchedule, moveOn, type SealedSchedule } from "../ledger/schedules.ts";
import type { Log } from "../log.ts";
import type { Keyring } from "../seal.ts";
import { lastSlot, nextSlot } from "../time/slots.ts";
import { timetableWords } from "../time/timetable-words.ts";
import { instantWords } from "../time/names.ts";

/** What firing is done with. */
export interface ReminderDeps {
  readonly sql: Sql;
  readonly keyring: Pick<Keyring, "bodies">;
  readonly inbox: Pick<TransactionalInbox, "acceptWithin" | "announce">;
  /** How many have joined a Matrix room; undefined where that is not known. */
  readonly members: (user: string, room: string) => Promise<number | undefined>;
  readonly log: Log;
}

/** As many at once; with more, it is gone on with until none is left. */
const atOnce = 100;

/**
 * Fires what is due at `now`. Any process may, at the same time as others. After a time in which nobody did, only the latest
 * occurrence of each is made up for. Returns how many this call fired.
 */
export async function fireDue(deps: ReminderDeps, now: Date): Promise<number> {
  let fired = 0;
  for (;;) {
    const due = await dueSchedules(deps.sql, deps.keyring.bodies, now, atOnce);
    for (const schedule of due) if (await fire(deps, schedule, now)) fired += 1;
    if (due.length < atOnce) return fired;
  }
}

async function fire(deps: ReminderDeps, schedule: SealedSchedule, now: Date): Promise<boolean> {
  const { sql, inbox, log } = deps;
  const { id, lane, principal, destination } = schedule;
  let what: string;
  try {
    what = schedule.open();
  } catch (err) {
    log.error({ schedule: id, lane, reason: messageOf(err) }, "a schedule cannot be opened and is ended");
    await endSchedule(sql, id);
    return false;
  }
  const slot = slotAt(schedule, now);
  const entry: InboxEntry = {
    source: `schedule:${id}:${slot.toISOString()}`,
    channel: destination.channel,
    lane,
    principal,
    kind: "message",
    state: "new",
    body: messageAt(schedule, what, slot, schedule.shared || (await hasOthers(deps, destination))),
  };
  // One transaction: neither is the message lost, nor is it there without the schedule having moved on.
  const accepted = await sql.begin(async (tx) =>
    (await moveOn(tx, schedule, nextOf(schedule, now))) ? inbox.acceptWithin(tx, [entry]) : new Set<string>(),
  );
  inbox.announce([entry], accepted);
  return accepted.size > 0;
}

/** The occurrence that is due: the latest of those that passed. */
function slotAt({ cron, timezone, nextAt }: SealedSchedule, now: Date): Date {
  const last = cron === undefined ? undefined : lastSlot({ schedule: cron, timezone }, now);
  return last !== undefined && last > nextAt ? last : nextAt;
}

const nextOf = ({ cron, timezone }: SealedSchedule, now: Date): Date | undefined =>
  cron === undefined ? undefined : nextSlot({ schedule: cron, timezone }, now);

/** A chat with one person may have become a room with others since. What is not known to be private is not. */
async function hasOthers({ members }: ReminderDeps, destination: Destination): Promise<boolean> {
  if (destination.channel !== "matrix") return false;
  const count = await members(destination.user, destination.room);
  return count === undefined || count > 2;
}

function messageAt(schedule: SealedSchedule, text: string, slot: Date, shared: boolean): InboundMessage {
  const { id, agent, principal, destination, cron, timezone, createdAt, taint } = schedule;
  const when = cron === undefined ? `once (${timezone})` : timetableWords({ schedule: cron, timezone });
  return {
    principal,
    text,
    attachments: [],
    destination,
    shared,
    sentAt: slot.toISOString(),
    scheduled: { id, agent, taint, asked: instantWords(createdAt, timezone), when, due: instantWords(slot, timezone) },
  };
}
