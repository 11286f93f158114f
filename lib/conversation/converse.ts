/** Works through one lane's mailbox: in order, one run at a time, a burst of one person's messages as one run. */
import { randomUUID } from "node:crypto";
import type { RecordedEvent } from "../agent/events.ts";
import type { Attachment, Lane } from "../channel/types.ts";
import type { Agent } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { activate, type Conversation, resetHistory } from "../ledger/conversations.ts";
import { burst, endMessages, type Mailbox, type OpenMessage, readMailbox } from "../ledger/mailbox.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import { beginRun, resumeRun } from "../ledger/runs.ts";
import { openTurns, recentTurns, type SealedTurn } from "../ledger/turns.ts";
import { agentsFor, mayTalk } from "../policy/access.ts";
import type { Pass } from "../queue/lanes.ts";
import type { Sealer } from "../seal.ts";
import { addressee } from "./address.ts";
import { deliver } from "./deliver.ts";
import type { ConversationDeps } from "./deps.ts";
import { fetchImage, takeIn } from "./intake.ts";
import { toEntries } from "./reply.ts";
import { failRun, inputMessages, runToEnd, type RunSetup } from "./run.ts";

/** A run interrupted this often is given up: it may be what brings the gateway down. */
const maxResumes = 5;

/** Answers what is open in the lane, unless another process is at it. */
export async function converse(deps: ConversationDeps, lane: Lane, signal: AbortSignal): Promise<Pass> {
  const read = (sql: Sql): Promise<LaneState> => readLane(sql, deps.keyring.bodies, lane);
  const held = await deps.locks.tryLane(lane, read);
  if (!held) return "elsewhere";
  try {
    const either = AbortSignal.any([signal, held.signal]);
    let state = held.value;
    while (await answerNext(deps, lane, state, signal, either)) state = await read(deps.sql);
    return "drained";
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

/** Returns whether there may be more. */
async function answerNext(
  deps: ConversationDeps,
  lane: Lane,
  { open, unreadable, active, turns }: LaneState,
  signal: AbortSignal,
  either: AbortSignal,
): Promise<boolean> {
  if (unreadable.length > 0) {
    deps.log.error({ lane, inbox: unreadable }, "inbox rows cannot be opened and are set aside as poison");
    await endMessages(deps.sql, unreadable, "poison", "cannot be opened");
  }
  const [first] = open;
  if (!first) return false;
  const batch = nextBatch(open);
  let claimed: ClaimedMessage | undefined;
  if (first.runId !== undefined) claimed = await resume(deps, lane, first.runId, batch, either);
  else if (first.message.command) await obey(deps, lane, first, active);
  else claimed = await answer(deps, lane, batch, { active, turns }, either);
  // Sending is fenced by the outbox: a lost lane is no reason to break off a send, whose outcome would be unknown.
  await deliver(deps, lane, signal, claimed);
  return open.length > batch.length || open.length === burst;
}

/** The messages of the run that was interrupted; or one command; or all that one person said in a row. */
function nextBatch(open: readonly OpenMessage[]): readonly OpenMessage[] {
  const [first] = open;
  if (!first) return [];
  if (first.runId === undefined && first.message.command) return [first];
  const belongs = ({ runId, message }: OpenMessage): boolean =>
    runId === first.runId &&
    (runId !== undefined || (message.principal === first.message.principal && !message.command));
  const end = open.findIndex((entry) => !belongs(entry));
  return end === -1 ? open : open.slice(0, end);
}

const idsOf = (batch: readonly OpenMessage[]): number[] => batch.map(({ id }) => id);

async function answer(
  deps: ConversationDeps,
  lane: Lane,
  batch: readonly OpenMessage[],
  known: { readonly active: Conversation | undefined; readonly turns: readonly SealedTurn[] },
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const last = batch.at(-1);
  if (!last) return undefined;
  const { destination, principal, shared } = last.message;
  const config = deps.config();
  const addressed = await addressee(deps, config, lane, last.message, known.active);
  if (!addressed) {
    await endMessages(deps.sql, idsOf(batch), "denied", "no agent here may answer this person");
    return undefined;
  }
  const { agent, conversation } = addressed;
  const channel = deps.channels[destination.channel];
  const presence = channel.present(destination);
  try {
    const intake = await takeIn(deps, config, agent, batch, signal);
    for (const { inboxId, text } of intake.heard)
      await deps.outbox.add(
        toEntries(channel, lane, destination, `voice:${inboxId}`, `🎤 *${text.replaceAll(/\s+/g, " ")}*`),
      );
    if (intake.heard.length > 0) await deliver(deps, lane, signal);
    const preface = intake.problems.map((problem) => `${problem}\n\n`).join("");
    if (intake.text === "") {
      await deps.outbox.add(
        toEntries(channel, lane, destination, `unread:${last.id}`, preface || "I found nothing to read in that."),
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
      policyHash: config.policyHash,
      promptHash: agent.promptHash,
    };
    const open = beginRun(deps.sql, deps.keyring, run, idsOf(batch));
    const { text, images, imageRefs } = intake;
    const own = known.turns.filter((turn) => turn.conversationId === conversation.id);
    const history = () => openTurns(deps.keyring.bodies, own, agent.limits.history_tokens);
    const input = { kind: "new" as const, text, images, imageRefs, history };
    return await runToEnd(deps, { config, agent, open, destination, shared, preface, presence, input }, signal);
  } finally {
    void presence.end();
  }
}

async function resume(
  deps: ConversationDeps,
  lane: Lane,
  runId: string,
  batch: readonly OpenMessage[],
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const last = batch.at(-1);
  const found = await resumeRun(deps.sql, deps.keyring, runId);
  if (!found || !last) {
    await endMessages(deps.sql, idsOf(batch), "done", "its run had ended");
    return undefined;
  }
  const config = deps.config();
  const { open, past, cancelRequested } = found;
  const { destination, shared } = last.message;
  deps.log.warn({ run: runId, lane, steps: past.length }, "an interrupted run is taken up again");
  const presence = deps.channels[destination.channel].present(destination);
  try {
    const { images: refs, preface } = openingOf(past);
    const fetched = await Promise.allSettled(refs.map((ref) => fetchImage(deps, config, ref, destination, signal)));
    const images = fetched.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const input = { kind: "past" as const, past, images };
    const setup = { config, open, destination, shared, preface, presence, input };
    const agent = config.agents.get(open.run.agent);
    const refusal = whyNot(agent, setup, cancelRequested);
    if (refusal) return await failRun(deps, setup, refusal);
    return agent && (await runToEnd(deps, { ...setup, agent }, signal));
  } finally {
    void presence.end();
  }
}

const openingOf = ([first]: readonly RecordedEvent[]): { images: readonly Attachment[]; preface: string } =>
  first?.event.type === "run.started" ? first.event : { images: [], preface: "" };

/** Why an interrupted run must not go on. */
function whyNot(
  agent: Agent | undefined,
  { config, open, input }: Omit<RunSetup, "agent">,
  cancelRequested: boolean,
): ClawError | undefined {
  const { id, principal } = open.run;
  if (cancelRequested) return new ClawError("cancelled", `run ${id} was stopped by a person`, { say: "Stopped." });
  if (!agent)
    return new ClawError("environment", `run ${id}: agents.${open.run.agent} is no longer in the config`, {
      say: "The agent that was at work is no longer here.",
    });
  if (!mayTalk(config, principal, agent))
    return new ClawError("unauthorized", `${principal} may no longer talk to ${agent.name}`, {
      say: "You may no longer talk to this agent.",
    });
  if (input.kind !== "past") return undefined;
  if (inputMessages(input.past).length === 0)
    return new ClawError("environment", `run ${id}: its journal does not begin with its input`);
  if (input.past.filter(({ event }) => event.type === "run.resumed").length >= maxResumes)
    return new ClawError("environment", `run ${id} was interrupted ${maxResumes} times and is given up`);
  return undefined;
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
    const allowed = agentsFor(config, principal, destination.channel);
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
