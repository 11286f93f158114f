/** What the gateway's own clock does each minute. */
import { createRetention } from "../lib/audit/retention.ts";
import type { ConversationDeps } from "../lib/conversation/deps.ts";
import { askForSlot } from "../lib/jobs/ask.ts";
import { fireDue, type ReminderDeps } from "../lib/jobs/reminders.ts";
import { askForDueJobs, type EachMinute } from "../lib/jobs/tick.ts";
import { knownSince } from "../lib/ledger/job-slots.ts";

/** Jobs of the config where it keeps their time (`scheduler = "internal"`), and people's own schedules. */
export const eachMinute = (
  deps: Pick<ConversationDeps, "config" | "sql" | "keyring" | "wake" | "log">,
  { inbox, members }: Pick<ReminderDeps, "inbox" | "members">,
): EachMinute[] => [
  askForDueJobs({
    config: deps.config,
    knownSince: (names) => knownSince(deps.sql, names),
    ask: (job, now) => askForSlot({ sql: deps.sql, wake: deps.wake, now: () => now }, { job, cause: "clock" }),
  }),
  createRetention(deps),
  (now) => fireDue({ sql: deps.sql, keyring: deps.keyring, inbox, members, log: deps.log }, now),
];
