/** Takes an interrupted run up again, or ends it where it cannot or must not go on. */
import type { RecordedEvent, RunEvent } from "../agent/events.ts";
import { roomOf } from "../channel/room.ts";
import type { Attachment, Lane } from "../channel/types.ts";
import type { Agent } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { endMessages, type OpenMessage } from "../ledger/mailbox.ts";
import type { ClaimedMessage } from "../ledger/outbox.ts";
import { abandonRun, resumeRun, shortId } from "../ledger/runs.ts";
import { mayTalk } from "../policy/access.ts";
import type { ConversationDeps } from "./deps.ts";
import { fetchImage } from "./intake.ts";
import { toEntries } from "./reply.ts";
import { failRun, runToEnd } from "./run.ts";
import { inputMessages, type RunSetup } from "./run-setup.ts";

/** A run interrupted this often is given up: it may be what brings the gateway down. */
const maxResumes = 5;

/** Goes on with the run that `batch` belongs to. Returns the message claimed for sending, if any. */
export async function resume(
  deps: ConversationDeps,
  lane: Lane,
  runId: string,
  batch: readonly OpenMessage[],
  signal: AbortSignal,
): Promise<ClaimedMessage | undefined> {
  const last = batch.at(-1);
  const found = await openRun(deps, lane, runId, last);
  if (found === "abandoned") return undefined;
  if (!found || !last) {
    await endMessages(
      deps.sql,
      batch.map(({ id }) => id),
      "done",
      "its run had ended",
    );
    return undefined;
  }
  const config = deps.config();
  const { open, past } = found;
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
    const refusal = whyNot(agent, setup);
    if (refusal) return await failRun(deps, setup, refusal);
    return agent && (await runToEnd(deps, { ...setup, agent }, signal));
  } finally {
    void presence.end();
  }
}

/** A run whose journal cannot be opened cannot go on: it is ended, with a line of its own, and the lane goes on. */
async function openRun(
  deps: ConversationDeps,
  lane: Lane,
  runId: string,
  last: OpenMessage | undefined,
): Promise<Awaited<ReturnType<typeof resumeRun>> | "abandoned"> {
  try {
    return await resumeRun(deps.sql, deps.keyring, runId);
  } catch (thrown) {
    if (!(thrown instanceof ClawError) || thrown.code !== "environment" || !last) throw thrown;
    deps.log.error({ err: thrown, run: runId, lane }, "an interrupted run cannot be resumed and is given up");
    const { destination } = last.message;
    const line = `Something went wrong on my side, and I have no answer. (run ${shortId(runId)})`;
    await deps.outbox.add(toEntries(deps.channels[destination.channel], lane, destination, `abandoned:${runId}`, line));
    await abandonRun(deps.sql, runId);
    return "abandoned";
  }
}

const openingOf = ([first]: readonly RecordedEvent[]): { images: readonly Attachment[]; preface: string } =>
  first?.event.type === "run.started" ? first.event : { images: [], preface: "" };

/** Why an interrupted run must not go on. */
function whyNot(
  agent: Agent | undefined,
  { config, open, input, destination }: Omit<RunSetup, "agent">,
): ClawError | undefined {
  const { id, principal } = open.run;
  if (!agent)
    return new ClawError("environment", `run ${id}: agents.${open.run.agent} is no longer in the config`, {
      say: "The agent that was at work is no longer here.",
    });
  if (!mayTalk(config, principal, agent, roomOf(destination)))
    return new ClawError("unauthorized", `${principal} may no longer talk to ${agent.name}`, {
      say: "You may no longer talk to this agent.",
    });
  if (input.kind !== "past") return undefined;
  if (inputMessages(input.past).length === 0)
    return new ClawError("environment", `run ${id}: its journal does not begin with its input`);
  return interruptedTooOften(id, input.past);
}

/** Why a run must not be taken up once more, from its journal. */
export function interruptedTooOften(id: string, past: readonly RecordedEvent[]): ClawError | undefined {
  const count = (type: RunEvent["type"]): number => past.filter(({ event }) => event.type === type).length;
  // What went on after a decision was not interrupted.
  if (count("run.resumed") - count("run.waiting") < maxResumes) return undefined;
  return new ClawError("environment", `run ${id} was interrupted ${maxResumes} times and is given up`);
}
