/** From a committed message to an attempt that is over: what was delivered where, and what is done after it. */
import { estimateTokens } from "../agent/history.ts";
import type { ModelMessage } from "../agent/model.ts";
import { checkpoint } from "../checkpoint.ts";
import type { Destination } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import { deliver } from "../conversation/deliver.ts";
import type { ConversationDeps } from "../conversation/deps.ts";
import { ClawError } from "../errors.ts";
import { endSlot, type JobSlot, postponeSlot } from "../ledger/job-slots.ts";
import { partsOfRun, type RunPart } from "../ledger/outbox.ts";
import { endedRun } from "../ledger/runs.ts";
import { jobTurnId, keepTurn } from "../ledger/turns.ts";
import { type AfterOutcome, runAfter } from "./after.ts";
import { failAttempt, tellOperator, waitMs } from "./fail.ts";
import { slotName } from "./slot-name.ts";
import type { JobWork } from "./work.ts";

/** One place's parts of the message. */
interface Delivery {
  readonly name: string;
  readonly parts: readonly RunPart[];
}

/**
 * Delivers what is open of the message and, once nothing is, does what is to be done after it and ends the attempt. `work`
 * undefined: the job has left the config, and nothing is done after. Returns whether it is to be looked at again in a moment.
 */
export async function settle(
  deps: ConversationDeps,
  work: JobWork | undefined,
  slot: JobSlot,
  signal: AbortSignal,
  either: AbortSignal,
): Promise<"settled" | "later"> {
  const runId = slot.runId ?? "";
  const lanes = new Set((await partsOfRun(deps.sql, runId)).filter(isOpen).map(({ lane }) => lane));
  // Sending is fenced by the outbox: a lost lane is no reason to break off a send, whose outcome would be unknown.
  await Promise.all([...lanes].map((lane) => deliver(deps, lane, signal)));
  const parts = await partsOfRun(deps.sql, runId);
  const places = deliveriesOf(parts);
  await remember(deps, slot, places.filter(arrived));
  const open = parts.filter(isOpen);
  // What waits for its time is looked at again by recovery, once it has been sent.
  if (open.length > 0) return open.some(({ due }) => due) ? "later" : "settled";

  if (!places.some(arrived)) {
    const reason = `not delivered: ${places.map(inWords).join("; ")}`;
    const perhaps = parts.some(({ state }) => state === "sent" || state === "unknown");
    await failAttempt(deps, work?.job, slot, { reason, again: !perhaps });
    checkpoint("job.settled");
    return "settled";
  }
  const after = await followUp(deps, work, slot, either);
  if (after.state === "again") {
    await postponeSlot(deps.sql, slot, waitMs(after.tries));
    return "settled";
  }
  const missing = places.filter((place) => !arrived(place)).map(inWords);
  const undone = after.state === "failed" ? [after.reason] : [];
  for (const reason of undone)
    await tellOperator(
      deps,
      slot,
      `after-failed:${slot.runId}`,
      `What **${slot.job}** does after its delivery was not done: ${reason}.`,
    );
  await endSlot(deps.sql, slot, "done", [...missing, ...undone].join("; ") || undefined);
  checkpoint("job.settled");
  deps.metrics.jobs.inc({ job: slot.job, state: "done" });
  deps.log.info({ job: slot.job, slot: slot.slot, run: slot.runId, missing: missing.length }, "a job is delivered");
  return "settled";
}

/** What is done after delivery. What can never be done is told, or its lane would try it for ever. */
async function followUp(
  deps: ConversationDeps,
  work: JobWork | undefined,
  slot: JobSlot,
  signal: AbortSignal,
): Promise<AfterOutcome> {
  if (!work) return { state: "failed", reason: `jobs.${slot.job} is no longer in the config, or cannot be run by it` };
  try {
    return await runAfter(deps, work, slot, signal);
  } catch (thrown) {
    if (thrown instanceof ClawError && thrown.code === "environment")
      return { state: "failed", reason: thrown.message };
    throw thrown;
  }
}

const isOpen = ({ state }: RunPart): boolean => state === "pending" || state === "sending";

/** The parts by place: keys are `<run>:<place>:<part>`. */
function deliveriesOf(parts: readonly RunPart[]): Delivery[] {
  const places = Map.groupBy(parts, ({ key }) => key.split(":")[1] ?? "");
  return [...places.values()].map((own) => ({ name: nameOf(own[0]?.destination), parts: own }));
}

const nameOf = (destination: Destination | undefined): string =>
  destination?.channel === "matrix"
    ? `matrix:${destination.origin ?? destination.room}`
    : `telegram:${destination?.chat ?? ""}`;

const arrived = ({ parts }: Delivery): boolean => parts.every(({ state }) => state === "sent");

function inWords({ name, parts }: Delivery): string {
  const lost = parts.find(({ state }) => state === "failed") ?? parts.find(({ state }) => state === "unknown");
  return `${name} ${lost?.state === "failed" ? "refused" : "perhaps"}${lost?.reason ? ` (${lost.reason})` : ""}`;
}

/** On Matrix an agent speaks as itself; of a bot's chats, its agent is who answers at first. */
const answersIn = ({ telegram }: Config, agent: string, destination: Destination): boolean =>
  destination.channel === "matrix" || telegram.get(destination.bot)?.agent === agent;

/** Keeps the message in the conversations it went to, so that an answer there is understood. */
async function remember(deps: ConversationDeps, slot: JobSlot, places: readonly Delivery[]): Promise<void> {
  if (places.length === 0) return;
  const runId = slot.runId ?? "";
  const ended = await endedRun(deps.sql, deps.keyring, runId);
  const [run] = await deps.sql<{ agent: string }[]>`select agent from runs where id = ${runId}`;
  if (!ended || !run) return;
  const job = deps.config().jobs.get(slot.job);
  const due = job ? `${slotName(job, slot.slot)} (${job.timezone})` : slot.slot.toISOString();
  const messages: ModelMessage[] = [
    { role: "user", text: `[Scheduled job "${slot.job}", due ${due}]` },
    { role: "assistant", text: ended.text, toolCalls: [] },
  ];
  for (const { parts } of places)
    for (const { lane, destination } of parts.slice(0, 1))
      await keepTurn(deps.sql, deps.keyring.bodies, {
        id: jobTurnId(runId, lane),
        ...{
          lane,
          agent: run.agent,
          answers: answersIn(deps.config(), run.agent, destination),
          principal: `job:${slot.job}` as const,
          messages,
        },
        tokens: estimateTokens(messages),
        taint: ended.taint,
      });
}
