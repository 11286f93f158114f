/** Works through one lane's mailbox: in order, one run at a time, a burst of one person's messages as one run. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { noLinks } from "../channel/links.ts";
import { roomOf } from "../channel/room.ts";
import type { Destination, InboundMessage, Lane, ScheduledMessage } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { activate, type Conversation, resetHistory } from "../ledger/conversations.ts";
import { burst, endMessages, type Mailbox, type OpenMessage, readMailbox } from "../ledger/mailbox.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import { abandonRun, beginRun } from "../ledger/runs.ts";
import { endSchedule } from "../ledger/schedules.ts";
import { openTurns, recentTurns, type SealedTurn, shownTurns, taintOf } from "../ledger/turns.ts";
import { agentsFor, isTrusted } from "../policy/access.ts";
import type { Pass } from "../queue/lanes.ts";
import type { Sealer } from "../seal.ts";
import { addressee } from "./address.ts";
import { deliver } from "./deliver.ts";
import type { ConversationDeps } from "./deps.ts";
import { takeIn } from "./intake.ts";
import type { Admission } from "./rates.ts";
import { toEntries } from "./reply.ts";
import { resume } from "./resume.ts";
import { runToEnd } from "./run.ts";

/** Answers what is open in the lane, unless another process is at it. */
export async function converse(deps: ConversationDeps, lane: Lane, signal: AbortSignal): Promise<Pass> {
  const read = (sql: Sql): Promise<LaneState> => readLane(sql, deps.keyring.bodies, lane);
  const held = await deps.locks.tryLane(lane, read);
  if (!held) return "elsewhere";
  try {
    const either = AbortSignal.any([signal, held.signal]);
    let next = await answerNext(deps, lane, held.value, signal, either);
    while (next === "more") next = await answerNext(deps, lane, await read(deps.sql), signal, either);
    return next;
  } finally {
    await deps.locks.releaseLane(lane, held.signal);
  }
}

/** All that an answer needs, read at once: the history before it is known whose it will be. */
interface LaneState extends Mailbox {
  readonly turns: readonly SealedTurn[];
}

async function readLane(sql: Sql, bodies: Sealer, lane: Lane): Promise<LaneState> {
  const [mailbox, turns] = await Promise.all([readMailbox(sql, bodies, lane), recentTurns(sql, lane)]);
  return { ...mailbox, turns };
}

/** Returns whether there may be more, or only later. */
async function answerNext(
  deps: ConversationDeps,
  lane: Lane,
  { open, unreadable, active, turns }: LaneState,
  signal: AbortSignal,
  either: AbortSignal,
): Promise<"more" | "later" | "drained"> {
  if (unreadable.length > 0) await setAside(deps, lane, unreadable);
  const full = open.length + unreadable.length === burst;
  const [first] = open;
  if (!first) return full ? "more" : "drained";
  const batch = nextBatch(open);
  if (first.runId === undefined && isHalfAlbum(batch)) {
    await sleep(albumMs, undefined, { signal: either });
    return "more";
  }
  let claimed: ClaimedMessage | "later" | undefined;
  try {
    if (first.runId !== undefined) claimed = await takeUp(deps, lane, first, batch, either);
    else if (first.message.command) await obey(deps, lane, first, active);
    else claimed = await answer(deps, lane, batch, { active, turns }, either);
  } catch (thrown) {
    // Edited, redacted or dropped while they were read: look again.
    if (thrown instanceof ClawError && thrown.code === "mailbox_changed") return "more";
    throw thrown;
  }
  if (claimed === "later") return "later";
  // Sending is fenced by the outbox: a lost lane is no reason to break off a send, whose outcome would be unknown.
  await deliver(deps, lane, signal, claimed);
  return open.length > batch.length || full ? "more" : "drained";
}

/** The pictures of an album come one by one: as long as the last one is this young, more may follow. */
const albumMs = 600;

function isHalfAlbum(batch: readonly OpenMessage[]): boolean {
  const last = batch.at(-1);
  return last?.message.album !== undefined && last.ageMs < albumMs;
}

/** Damaged rows, and with them the runs they belonged to: neither may keep the lane from going on. */
async function setAside(deps: ConversationDeps, lane: Lane, rows: Mailbox["unreadable"]): Promise<void> {
  deps.log.error({ lane, inbox: rows.map(({ id }) => id) }, "inbox rows cannot be opened and are set aside as poison");
  await endMessages(
    deps.sql,
    rows.map(({ id }) => id),
    "poison",
    "cannot be opened",
  );
  for (const { runId } of rows) if (runId !== undefined) await abandonRun(deps.sql, runId);
}

/** Never one run with what was said before or after it. */
const standsAlone = ({ command, scheduled }: InboundMessage): boolean =>
  command !== undefined || scheduled !== undefined;

/** The messages of the run that was interrupted; or one command or schedule; or all that one person said in a row. */
function nextBatch(open: readonly OpenMessage[]): readonly OpenMessage[] {
  const [first] = open;
  if (!first) return [];
  if (first.runId === undefined && standsAlone(first.message)) return [first];
  const belongs = ({ runId, message }: OpenMessage): boolean =>
    runId === first.runId &&
    (runId !== undefined || (message.principal === first.message.principal && !standsAlone(message)));
  const end = open.findIndex((entry) => !belongs(entry));
  return end === -1 ? open : open.slice(0, end);
}

const idsOf = (batch: readonly OpenMessage[]): number[] => batch.map(({ id }) => id);

/** Takes up the run that the messages belong to. It has begun, so no rate holds it back, but it counts. */
async function takeUp(
  deps: ConversationDeps,
  lane: Lane,
  { runId, message }: OpenMessage,
  batch: readonly OpenMessage[],
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const end = deps.rates.enter(message.principal);
  try {
    return runId === undefined ? undefined : await resume(deps, lane, runId, batch, signal);
  } finally {
    end();
  }
}

async function answer(
  deps: ConversationDeps,
  lane: Lane,
  batch: readonly OpenMessage[],
  known: { readonly active: Conversation | undefined; readonly turns: readonly SealedTurn[] },
  signal: AbortSignal,
): Promise<ClaimedMessage | "later" | undefined> {
  const last = batch.at(-1);
  if (!last) return undefined;
  const { destination, principal, shared, scheduled, sentAt } = last.message;
  const config = deps.config();
  const addressed = await addressee(deps, config, lane, last.message, known.active);
  if (!addressed) {
    if (scheduled) await endForGood(deps, lane, destination, scheduled);
    await endMessages(deps.sql, idsOf(batch), "denied", "no agent here may answer this person");
    return undefined;
  }
  const { agent, conversation } = addressed;
  const channel = deps.channels[destination.channel];
  const admission = await deps.rates[scheduled ? "admitAgreed" : "admit"](config, principal, destination);
  if (admission.state === "later") return "later";
  if (admission.state === "too-fast") {
    await turnAway(deps, lane, batch, destination, admission);
    return undefined;
  }
  const presence = channel.present(destination);
  try {
    const intake = await takeIn(deps, config, agent, batch, signal);
    for (const { inboxId, text } of intake.heard)
      await deps.outbox.add(
        toEntries(channel, lane, destination, `voice:${inboxId}`, `🎤 *${text.replaceAll(/\s+/g, " ")}*`, noLinks),
      );
    if (intake.heard.length > 0) await deliver(deps, lane, signal);
    const preface = intake.problems.map((problem) => `${problem}\n\n`).join("");
    if (intake.text === "") {
      await deps.outbox.add(
        toEntries(
          channel,
          lane,
          destination,
          `unread:${last.id}`,
          preface || "I found nothing to read in that.",
          noLinks,
        ),
      );
      await endMessages(deps.sql, idsOf(batch), "done", "nothing that could be read");
      return undefined;
    }
    const run = {
      id: randomUUID(),
      conversationId: conversation.id,
      lane,
      agent: agent.name,
      principal,
      trigger: "chat" as const,
      ...(scheduled && { job: { name: `schedule:${scheduled.id}`, slot: new Date(sentAt), attempt: 1 } }),
      policyHash: config.policyHash,
      promptHash: agent.promptHash,
    };
    const open = beginRun(deps.sql, deps.keyring, run, batch);
    const { text, images, imageRefs } = intake;
    const own = known.turns.filter((turn) => turn.conversationId === conversation.id);
    const shown = shownTurns(own, agent.limits.history_tokens);
    const history = () => openTurns(deps.keyring.bodies, shown);
    const stranger = isTrusted(config, principal) ? [] : [`person:${principal}`];
    const taint = [...stranger, ...intake.taint, ...taintOf(shown)];
    const input = { kind: "new" as const, text, images, imageRefs, history, request: intake.request, taint };
    return await runToEnd(deps, { config, agent, open, destination, shared, preface, presence, input }, signal);
  } finally {
    admission.end();
    void presence.end();
  }
}

/** Ends a schedule whose agent may not answer its person there any more, and says so once. */
async function endForGood(
  deps: ConversationDeps,
  lane: Lane,
  destination: Destination,
  { id, agent, when }: ScheduledMessage,
): Promise<void> {
  const line = `Schedule #${id} (${when}) is over: ${agent} may not answer you here any more.`;
  await deps.outbox.add(toEntries(deps.channels[destination.channel], lane, destination, `schedule-over:${id}`, line));
  await endSchedule(deps.sql, id);
  deps.log.warn({ lane, schedule: id, agent }, "a schedule is over: nobody here may answer its person");
}

/** Ends messages that came too fast, with one line a minute: more of them would be too fast, too. */
async function turnAway(
  deps: ConversationDeps,
  lane: Lane,
  batch: readonly OpenMessage[],
  destination: Destination,
  { key, seconds }: Extract<Admission, { state: "too-fast" }>,
): Promise<void> {
  deps.log.warn({ lane, limit: key, messages: batch.length }, "messages came too fast and are not answered");
  const line = `That is too fast for me: I did not read it. Try again in ${seconds} s.`;
  const once = `too-fast:${lane}:${Math.floor(Date.now() / 60_000)}`;
  await deps.outbox.add(toEntries(deps.channels[destination.channel], lane, destination, once, line));
  await endMessages(deps.sql, idsOf(batch), "refused", `too fast: ${key}`);
}

/** The commands that must keep their place among the messages: /new and /agent. */
async function obey(
  deps: ConversationDeps,
  lane: Lane,
  { id, message }: OpenMessage,
  active: Conversation | undefined,
): Promise<void> {
  const { destination, command, principal } = message;
  const config = deps.config();
  const say = (text: string): Promise<void> =>
    deps.outbox.add(toEntries(deps.channels[destination.channel], lane, destination, `command:${id}`, text));
  // Of a shared room's conversation only those dispose who may talk to its agent (GHSA-2gvc-4f3c-2855).
  const addressed = await addressee(deps, config, lane, message, active);
  if (!addressed) {
    await endMessages(deps.sql, [id], "denied", "no agent here may answer this person");
    return undefined;
  }
  if (command?.name === "agent") {
    const allowed = agentsFor(config, principal, destination.channel, roomOf(destination));
    const chosen = allowed.find(({ name }) => name === command.argument.toLowerCase());
    if (chosen) await activate(deps.sql, lane, chosen.name);
    await say(
      chosen
        ? `You are now talking to **${chosen.name}**: ${chosen.description}`
        : `I know no agent of that name. You may choose: ${allowed.map(({ name }) => name).join(", ")}.`,
    );
  } else {
    await resetHistory(deps.sql, lane);
    await say("A new conversation: I no longer see what was said before.");
  }
  await endMessages(deps.sql, [id], "done", "command");
}
