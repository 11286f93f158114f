/** Sends what is open in a lane's outbox, in order, each at most as often as its channel allows. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkpoint } from "../checkpoint.ts";
import type { Lane, SendOutcome } from "../channel/types.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import type { ConversationDeps } from "./deps.ts";
import type { Notice } from "./report.ts";

export type DeliverDeps = Pick<ConversationDeps, "outbox" | "channels" | "worker" | "report" | "metrics" | "log">;

/** Synapse knows a repeated transaction id for 24 h. */
const rememberedMs = 23 * 3_600_000;

/** A message that was refused for now this often is given up. */
const maxAttempts = 30;

/** `claimed`: the lane's first message, where this worker has claimed it already. */
export async function deliver(
  deps: DeliverDeps,
  lane: Lane,
  signal: AbortSignal,
  claimed?: ClaimedMessage,
): Promise<void> {
  let next = claimed;
  while (!signal.aborted) {
    next ??= await deps.outbox.claim(lane, deps.worker);
    if (!next || !(await sendOne(deps, lane, next, signal))) return;
    next = undefined;
  }
}

const noteAgainMs = 500;

/** Only this process knows how a send ended: while the database is away that is kept, or the message would stay claimed. */
async function note<Value>({ log }: DeliverDeps, signal: AbortSignal, write: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await write();
    } catch (err) {
      if (signal.aborted) throw err;
      log.warn({ err }, "the outcome of a send could not be noted; it is tried again");
      await sleep(noteAgainMs, undefined, { signal, ref: false });
    }
  }
}

async function giveUp(
  deps: DeliverDeps,
  lane: Lane,
  message: ClaimedMessage,
  signal: AbortSignal,
  state: "unknown" | "failed",
  reason: string,
): Promise<void> {
  await note(deps, signal, () => deps.outbox.giveUp(message.id, state, reason));
  await deps.report(undelivered({ key: message.key, lane, state, reason }));
}

/** What the operator is told of a message that was, or perhaps was, not delivered. */
export const undelivered = (lost: {
  key: string;
  lane: Lane;
  state: "unknown" | "failed";
  reason: string;
}): Notice => ({
  key: `undelivered:${lost.key}`,
  text:
    lost.state === "failed"
      ? `A message was not delivered in \`${lost.lane}\`: ${lost.reason}.`
      : `Nobody knows whether a message was delivered in \`${lost.lane}\` (${lost.reason}). It is not sent again by itself: the outbox has it as \`${lost.key}\`.`,
  about: lost.lane,
});

/** Returns whether there may be more to send. */
async function sendOne(deps: DeliverDeps, lane: Lane, message: ClaimedMessage, signal: AbortSignal): Promise<boolean> {
  const { outbox, log, metrics } = deps;
  const channel = deps.channels[message.destination.channel];
  const facts = { key: message.key, lane, attempt: message.attempts };
  checkpoint("send.started");
  const forgotten = channel.idempotentSend && message.attempts > 1 && message.ageMs > rememberedMs;
  const outcome: SendOutcome = forgotten
    ? { state: "unknown", reason: "an earlier attempt is so old that the server would no longer know it as the same" }
    : await channel.send(message, signal);
  checkpoint("send.ended");
  metrics.sends.inc({ channel: channel.name, outcome: outcome.state });
  switch (outcome.state) {
    case "sent": {
      const more = await note(deps, signal, () => outbox.sent(message.id, lane, outcome.remoteId));
      checkpoint("send.saved");
      log.debug({ ...facts, remoteId: outcome.remoteId }, "message delivered");
      return more;
    }
    case "retry":
      if (message.attempts >= maxAttempts) {
        await giveUp(deps, lane, message, signal, "failed", outcome.reason);
        log.error({ ...facts, reason: outcome.reason }, "message not delivered: given up");
        return true;
      }
      await note(deps, signal, () => outbox.postpone(message.id, lane, outcome.afterMs, outcome.reason));
      log.warn({ ...facts, reason: outcome.reason, afterMs: outcome.afterMs }, "message not delivered yet");
      return false;
    case "elsewhere":
      // Given back first: who is told must find it.
      await note(deps, signal, () => outbox.release(message.id));
      await channel.handOver?.(lane, message.destination);
      return false;
    case "unknown":
      await giveUp(deps, lane, message, signal, "unknown", outcome.reason);
      log.error(
        { ...facts, reason: outcome.reason },
        "nobody knows whether a message was delivered; it is not sent again",
      );
      return true;
    case "failed":
      await giveUp(deps, lane, message, signal, "failed", outcome.reason);
      log.error({ ...facts, reason: outcome.reason }, "message refused by the channel");
      return true;
  }
}
