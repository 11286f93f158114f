/** Commands that are answered at once, even while a run is at work: /start /help /agents /status /stop /jobs /approve /deny. */
import { roomOf } from "../channel/room.ts";
import type { Command, InboundMessage, Lane } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import { cancelApprovals, pendingIn } from "../ledger/approvals.ts";
import { activeConversation } from "../ledger/conversations.ts";
import { controlMessage, dropWaiting, endMessages, type OpenMessage } from "../ledger/mailbox.ts";
import { laneStatus } from "../ledger/lane-status.ts";
import { shortId } from "../ledger/runs.ts";
import { agentsFor, isApprover } from "../policy/access.ts";
import { offeredTools } from "../policy/decide.ts";
import { chooseAgent } from "./address.ts";
import { answerQuestion } from "./approval.ts";
import { deliver } from "./deliver.ts";
import { myJobs } from "./my-jobs.ts";
import type { ConversationDeps } from "./deps.ts";
import { shortTime } from "./question.ts";
import { toEntries } from "./reply.ts";

/** Answers one control message of the inbox, once. */
export async function control(deps: ConversationDeps, inboxId: number, signal: AbortSignal): Promise<void> {
  const found = await controlMessage(deps.sql, deps.keyring.bodies, inboxId);
  if (!found) return;
  if (found === "unreadable") {
    deps.log.error({ inbox: inboxId }, "an inbox row cannot be opened and is set aside as poison");
    await endMessages(deps.sql, [inboxId], "poison", "cannot be opened");
    return;
  }
  const { message, lane } = found;
  const config = deps.config();
  const channel = deps.channels[message.destination.channel];
  const answer = answerIn(message.command);
  // An approver answers here also for agents that cannot be talked to here.
  const may = agentsFor(config, message.principal, channel.name, roomOf(message.destination)).length > 0;
  if (!may && !(answer && isApprover(config, message.principal))) {
    await endMessages(deps.sql, [inboxId], "denied", "no agent here may answer this person");
    return;
  }
  const reply = answer
    ? await answered(deps, config, found, answer)
    : { key: `control:${inboxId}`, text: await respond(deps, config, lane, found.id, message) };
  if (reply?.text !== undefined)
    await deps.outbox.add(toEntries(channel, lane, message.destination, reply.key, reply.text));
  await endMessages(deps.sql, [inboxId], "done", "command");
  await deliver(deps, lane, signal);
}

type AnswerName = Extract<Command["name"], "approve" | "deny">;

/** A command that answers a question. */
const answerIn = (command: Command | undefined): { name: AnswerName; argument: string } | undefined =>
  command?.name === "approve" || command?.name === "deny" ? { ...command, name: command.name } : undefined;

/** Answers a question. What is said of it is told to a tap alone where the channel can, and once in the chat elsewhere. */
async function answered(
  deps: ConversationDeps,
  config: Config,
  { id, lane, message }: OpenMessage & { readonly lane: Lane },
  { name, argument }: { name: AnswerName; argument: string },
): Promise<{ key: string; text: string } | undefined> {
  const { principal, destination, tap } = message;
  const channel = deps.channels[destination.channel];
  const { outcome, code, text, toldIn } = await answerQuestion(deps, config, principal, name, argument);
  if (tap !== undefined && channel.answerTap) {
    await channel.answerTap(destination, tap, text);
    return undefined;
  }
  // The decision itself is said there by its task.
  if (outcome === "decided" && channel.amend === undefined && toldIn.includes(lane)) return undefined;
  // Who may approve nothing is told so once an hour; who taps once more, once for that question.
  if (outcome === "refused" && !isApprover(config, principal))
    return { key: `refused:${Math.floor(Date.now() / hourMs)}:${lane}:${principal}`, text };
  return { key: tap === undefined ? `control:${id}` : `tapped:${code}:${lane}:${principal}`, text };
}

const hourMs = 3_600_000;

/** The reply; none where the run that is stopped will speak itself. */
async function respond(
  deps: ConversationDeps,
  config: Config,
  lane: Lane,
  id: number,
  message: InboundMessage,
): Promise<string | undefined> {
  const name = message.command?.name ?? "help";
  switch (name) {
    case "stop": {
      const active = await activeConversation(deps.sql, lane);
      if (!chooseAgent(config, message, active?.agent)) return "No agent here may answer you.";
      const waiting = await dropWaiting(deps.sql, lane, id);
      const running = await deps.cancellations.stopLane(lane);
      await cancelApprovals(deps.sql, { lane });
      if (running > 0) return undefined;
      return waiting > 0 ? "Stopped: what was waiting is dropped." : "Nothing is running.";
    }
    case "status":
      return status(deps, config, lane, message);
    case "agents":
      return agents(config, message);
    case "jobs":
      return myJobs(deps, message, message.command?.argument ?? "");
    case "start":
    case "help":
    case "agent":
    case "new":
    case "approve":
    case "deny":
      return help(message, name);
  }
}

function help({ destination }: InboundMessage, name: Command["name"]): string {
  const telegram = destination.channel === "telegram";
  const mark = telegram ? "/" : "!";
  const lines = [
    ["agents", "who you can talk to"],
    ...(telegram ? [["agent NAME", "talk to another agent"]] : []),
    ["new", "begin a new conversation"],
    ["status", "what is going on"],
    ["stop", "stop what is running"],
    ["jobs", "what is scheduled for you"],
    ["help", "this"],
  ].map(([command, what]) => `- \`${mark}${command}\` ${what}`);
  const greeting = name === "start" ? "Hello. Write to me as you would to a person.\n\n" : "";
  return `${greeting}Just write. Besides, I know:\n\n${lines.join("\n")}`;
}

function agents(config: Config, { principal, destination }: InboundMessage): string {
  const lines = agentsFor(config, principal, destination.channel, roomOf(destination)).map(
    ({ name, description, matrix }) => {
      const address =
        destination.channel === "matrix" && matrix && config.matrix
          ? ` (\`@${matrix.localpart}:${config.matrix.server_name}\`)`
          : "";
      return `- **${name}**${address}: ${description}`;
    },
  );
  return `You can talk to:\n\n${lines.join("\n")}`;
}

async function status(deps: ConversationDeps, config: Config, lane: Lane, message: InboundMessage): Promise<string> {
  const active = await activeConversation(deps.sql, lane);
  const agent = chooseAgent(config, message, active?.agent);
  if (!agent) return "No agent here may answer you.";
  const room = roomOf(message.destination);
  const scope = { config, agent, principal: message.principal, room, trigger: "chat" } as const;
  const tools = [...offeredTools(scope, deps.registry.all())];
  const { running, waiting, last } = await laneStatus(deps.sql, lane);
  const asked = await pendingIn(deps.sql, lane);
  const seconds = (since: Date): number => Math.round((Date.now() - since.getTime()) / 1000);
  const tokens = (count: number | null): string => (count === null ? "unknown" : String(count));
  return [
    `**${agent.name}** (${config.backends.get(agent.backend)?.model ?? agent.backend})`,
    running ? `- working since ${seconds(running.startedAt)} s (run ${shortId(running.id)})` : "- idle",
    ...asked.map(
      ({ code, tool, expiresAt }) =>
        `- waits for a yes to \`${tool}\` until ${shortTime(expiresAt, config.timezone)}: question \`${code}\``,
    ),
    ...(waiting > 0 ? [`- waiting: ${waiting}`] : []),
    ...(last
      ? [
          `- last run ${shortId(last.id)}: ${last.state}, ${last.steps} steps, ${tokens(last.inputTokens)} + ${tokens(last.outputTokens)} tokens`,
        ]
      : []),
    `- tools for you: ${tools.length > 0 ? tools.map((tool) => `\`${tool}\``).join(", ") : "none"}`,
  ].join("\n");
}
