/** Edits and redactions of messages that no run has begun on. */
import type { InboundMessage, Principal } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import type { InboxEntry } from "../ledger/inbox.ts";
import { eventSource, type MatrixEvents } from "../ledger/matrix-events.ts";
import type { Seat } from "../ledger/matrix-rooms.ts";
import { agentsFor } from "../policy/access.ts";
import { withoutName } from "./address.ts";
import { commandOf, matrixPrincipal, roomFor } from "./admit.ts";
import type { MatrixEdit, MatrixRedaction } from "./event.ts";
import { agentOf, agentUsers } from "./ids.ts";

/** The entries of the transaction that holds the change, not committed yet, by source. */
export type Uncommitted = Map<string, InboxEntry>;

/**
 * Applies a change to what is pending and returns the entry that records it. It is applied before its record is
 * committed: a crash between the two makes the homeserver repeat it, which changes nothing more, as no later change
 * can have come while this transaction is unanswered.
 */
export async function applyChange(
  config: Config,
  change: MatrixEdit | MatrixRedaction,
  uncommitted: Uncommitted,
  events: Pick<MatrixEvents, "edit" | "redact">,
  users: readonly string[] = agentUsers(config),
  seat: Pick<Seat, "origin"> = {},
): Promise<InboxEntry | undefined> {
  const principal = matrixPrincipal(change.sender);
  // Edits of people who may talk to no agent can concern nothing of ours. A redaction may come from a moderator.
  if (change.kind === "edit" && agentsFor(config, principal, "matrix", roomFor(config, change.room, seat)).length === 0)
    return undefined;
  const target = { eventId: change.target, room: change.room, users };
  const applied =
    change.kind === "edit"
      ? changeUncommitted(target, uncommitted, (entry) => edited(config, entry, principal, change)) +
        (await events.edit(target, principal, (message) => withEdit(config, message, change)))
      : changeUncommitted(target, uncommitted, redacted) + (await events.redact(target));
  return {
    source: `matrix:${change.eventId}#${change.kind}`,
    channel: "matrix",
    lane: `matrix:${change.room}`,
    principal,
    kind: "other",
    state: "ignored",
    reason: `${change.kind} ${applied > 0 ? "applied" : "of nothing pending"}`,
  };
}

function changeUncommitted(
  target: { eventId: string; room: string; users: readonly string[] },
  uncommitted: Uncommitted,
  change: (entry: InboxEntry) => InboxEntry | undefined,
): number {
  let changed = 0;
  for (const user of target.users) {
    const entry = uncommitted.get(eventSource(target.eventId, user));
    if (entry?.state !== "new" || entry.lane.split("|")[1] !== target.room) continue;
    const next = change(entry);
    if (!next) continue;
    uncommitted.set(entry.source, next);
    changed += 1;
  }
  return changed;
}

function edited(config: Config, entry: InboxEntry, principal: Principal, edit: MatrixEdit): InboxEntry | undefined {
  if (entry.kind !== "message" || entry.principal !== principal || !entry.body) return undefined;
  return { ...entry, body: withEdit(config, entry.body as InboundMessage, edit) };
}

function redacted(entry: InboxEntry): InboxEntry | undefined {
  if (entry.kind !== "message" && entry.kind !== "control") return undefined;
  const { body: _dropped, ...rest } = entry;
  return { ...rest, state: "ignored", reason: "redacted" };
}

/**
 * The new words as admit.ts would give them to the agent. Only `!new` is worked on in the lane's order; any other command
 * an edit makes is read as words.
 */
function withEdit(config: Config, message: InboundMessage, edit: MatrixEdit): InboundMessage {
  const { command: _before, ...rest } = message;
  const { destination } = message;
  const agent = destination.channel === "matrix" ? agentOf(config, destination.user) : undefined;
  const text = agent ? withoutName(config, agent, edit) : edit.text;
  const command = commandOf(text);
  return { ...rest, text, ...(command?.name === "new" && { command }) };
}
