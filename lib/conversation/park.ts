/** A run that has to wait for a person: its questions are asked, and it is left until they are decided. */
import { randomInt } from "node:crypto";
import { noLinks } from "../channel/links.ts";
import type { RunWaiting } from "../agent/waiting.ts";
import { checkpoint } from "../checkpoint.ts";
import type { Destination, Lane } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import { cancelApprovals, type NewApproval } from "../ledger/approvals.ts";
import { laneOf } from "../ledger/lane.ts";
import { createMatrixRooms } from "../ledger/matrix-rooms.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";
import { isCancelRequested } from "../ledger/runs.ts";
import { mayApprove } from "../policy/access.ts";
import { callHash } from "../policy/granted.ts";
import type { Taint } from "../policy/taint.ts";
import { operatorKey, questionKey, wakeRun } from "./approval.ts";
import type { ConversationDeps } from "./deps.ts";
import { operatorPlace } from "./operator-place.ts";
import { questionText, waitingText } from "./question.ts";
import { toEntries, toQuestionEntries } from "./reply.ts";
import type { RunSetup } from "./run-setup.ts";

/** Commits the questions and what is said of them, and wakes the run again where they were decided meanwhile. */
export async function park(
  deps: ConversationDeps,
  setup: RunSetup,
  { questions }: RunWaiting,
  taint: Taint,
): Promise<void> {
  const { open, config } = setup;
  const { run } = open;
  const expiresAt = new Date(Date.now() + config.approvals.expires_minutes * 60_000);
  const asked = questions.map(({ seq, call, rule, foreseen }): NewApproval => ({
    code: newCode(),
    seq,
    callHash: callHash({ runId: run.id, seq }, call),
    tool: call.tool.name,
    rule,
    shown: { tool: call.tool.name, input: call.input, ...(foreseen !== undefined && { foreseen }) },
    expiresAt,
  }));
  const outbox = (await Promise.all(asked.map((question) => askedOf(deps, setup, question)))).flat();
  await open.park({ taint: taint.sources, questions: asked, outbox });
  deps.observe?.(run, [{ type: "run.waiting" }]);
  for (const _ of asked) deps.metrics.approvals.inc({ agent: run.agent, outcome: "asked" });
  checkpoint("run.parked");
  // Stopped while it was being parked: what is asked now was not there to be called off.
  if (await isCancelRequested(deps.sql, run.id)) await cancelApprovals(deps.sql, { lane: run.lane });
  await wakeRun(deps, run.id);
}

/** Where a question is asked: in its chat, or where no approver reads that and in a job, in the operator's place. */
async function askedOf(
  deps: ConversationDeps,
  { config, open, destination, shared, job }: RunSetup,
  question: NewApproval,
): Promise<OutboxEntry[]> {
  const { agent, principal, lane } = open.run;
  const ask = async (key: string, to: Destination, toLane: Lane): Promise<OutboxEntry[]> => {
    const taps = await tapsCount(deps, config, to);
    const text = questionText({ agent, principal, timezone: config.timezone, destination: to, taps }, question);
    const channel = deps.channels[to.channel];
    return taps
      ? toQuestionEntries(channel, toLane, to, text, { code: question.code, key }, noLinks)
      : toEntries(channel, toLane, to, key, text, noLinks);
  };
  if (job) {
    const place = await operatorPlace(config, createMatrixRooms(deps.sql), agent);
    return ask(questionKey(question.code), place?.destination ?? destination, place?.lane ?? laneOf(destination));
  }
  // Who else is in a shared room is the room's business: an approver may be.
  if (mayApprove(config, principal, agent) || (shared && !(await isDirectChat(deps, destination))))
    return ask(questionKey(question.code), destination, lane);
  const place = await operatorPlace(config, createMatrixRooms(deps.sql), agent);
  const text = waitingText({ agent, timezone: config.timezone }, question);
  return [
    ...toEntries(deps.channels[destination.channel], lane, destination, `waiting:${question.code}`, text, noLinks),
    ...(place ? await ask(operatorKey(question.code), place.destination, place.lane) : []),
  ];
}

/** A direct chat counts as shared where nobody could say who is there: but then an approver hardly is. */
async function isDirectChat({ sql }: ConversationDeps, to: Destination): Promise<boolean> {
  if (to.channel !== "matrix") return false;
  const seats = await createMatrixRooms(sql).of(to.user);
  return seats.some(({ room, direct }) => room === to.room && direct);
}

/** A reaction is never encrypted: where that matters to the config, it decides nothing in an encrypted room. */
async function tapsCount({ sql }: ConversationDeps, { approvals }: Config, to: Destination): Promise<boolean> {
  if (to.channel === "telegram" || approvals.reactions) return true;
  return !(await createMatrixRooms(sql).encrypted(to.room));
}

/** Without letters and digits that look alike. 31^6 are enough for a question that lives for a day at most. */
const alphabet = "23456789abcdefghjkmnpqrstuvwxyz";

const newCode = (): string => Array.from({ length: 6 }, () => alphabet[randomInt(alphabet.length)]).join("");
