import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { type Config, matrixUserId } from "../../lib/config/config.ts";
import type { Sql } from "../../lib/db/client.ts";
import { ClawError } from "../../lib/errors.ts";
import {
  answerRequest,
  askGateway,
  type MatrixRequest,
  type ProgressLine,
  requestById,
} from "../../lib/ledger/matrix-requests.ts";
import { agentsFor } from "../../lib/policy/access.ts";
import { asked } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { agentOnMatrix, userOf, withMatrix } from "./matrix-keys.ts";

/** Adds `claw matrix verify` and `claw matrix selftest`. */
export function registerVerify(matrix: Command, context: CommandContext): void {
  matrix
    .command("verify")
    .argument("<agent>", "a name from [agents.<name>]")
    .description("Verifies an agent and a person by emoji, so that the person's client shows the agent as verified.")
    .option("--with <principal>", "matrix:@name:server (default: the only person who may use the agent)")
    .option("--room <id>", "an encrypted room both are in (default: their direct chat, else any)")
    .action((name: string, options: { with?: string; room?: string }) =>
      withMatrix(context, (sql, config) => verify(context, sql, config, name, options)),
    );
  matrix
    .command("selftest")
    .description("Sends an encrypted message from one agent to another through the homeserver and reports each leg.")
    .option("--from <agent>", "default: the first agent on Matrix")
    .option("--to <agent>", "default: the second")
    .action((options: { from?: string; to?: string }) =>
      withMatrix(context, (sql, config) => selftest(context, sql, config, options)),
    );
}

const pollMs = 300;
/** A gateway that holds the agent looks every second. */
const silenceMs = 15_000;
const patienceMs = 600_000;

async function verify(
  context: CommandContext,
  sql: Sql,
  config: Config,
  name: string,
  options: { with?: string; room?: string },
): Promise<void> {
  const { agent, user } = agentOnMatrix(config, name);
  const person = userOf(options.with ?? onlyPerson(config, agent.name));
  const id = await askGateway(sql, user, "verify", {
    person,
    ...(options.room !== undefined && { room: options.room }),
  });
  await follow(context, sql, id, user, async (line) => {
    if (!line.emoji) return;
    context.out("");
    context.out(`  ${line.emoji.map(({ symbol, description }) => `${symbol} ${description}`).join("   ")}`);
    context.out("");
    await answerRequest(sql, id, (await asked("Are they the same, in the same order?")) ? "yes" : "no");
  });
}

function onlyPerson(config: Config, agent: string): string {
  const members = new Set([...config.groups.values()].flatMap((group) => group.members));
  const people = [...members].filter(
    (member) =>
      member.startsWith("matrix:") &&
      agentsFor(config, member as `matrix:${string}`, "matrix", undefined).some((each) => each.name === agent),
  );
  if (people.length === 1 && people[0] !== undefined) return people[0];
  throw new ClawError("bad_request", `say with whom: --with ${people.join(" or --with ") || "matrix:@name:server"}`);
}

async function selftest(
  context: CommandContext,
  sql: Sql,
  config: Config,
  options: { from?: string; to?: string },
): Promise<void> {
  const onMatrix = [...config.agents.values()].filter((agent) => matrixUserId(config, agent) !== undefined);
  const from = agentOnMatrix(config, options.from ?? onMatrix.find(({ name }) => name !== options.to)?.name ?? "");
  const other = onMatrix.find(({ name }) => name !== from.agent.name)?.name;
  if ((options.to ?? other) === undefined)
    throw new ClawError("bad_request", "a self-test needs two agents on Matrix, and the config has one");
  const to = agentOnMatrix(config, options.to ?? other ?? "");
  if (to.user === from.user) throw new ClawError("bad_request", "--from and --to must be two agents");
  context.out(`${from.user} -> ${to.user}`);
  const id = await askGateway(sql, from.user, "selftest", { peer: to.user });
  await follow(context, sql, id, from.user, async () => {}, 60_000);
}

/** Prints what the gateway reports until it ends. Throws ClawError where it failed, or says nothing. */
async function follow(
  { out }: CommandContext,
  sql: Sql,
  id: number,
  user: string,
  heard: (line: ProgressLine) => Promise<void>,
  withinMs = patienceMs,
): Promise<void> {
  let shown = 0;
  for (let waited = 0; waited < withinMs; waited += pollMs) {
    const request: MatrixRequest | undefined = await requestById(sql, id);
    const lines = request?.progress.slice(shown) ?? [];
    shown += lines.length;
    for (const line of lines) {
      out(`  ${line.text}`);
      await heard(line);
    }
    if (request?.state === "done") return;
    if (request?.state === "failed") throw new ClawError("channel_failed", "it did not succeed");
    if (shown === 0 && waited > silenceMs)
      throw new ClawError("environment", `no gateway that holds ${user} answers: /readyz of the gateway says why`);
    await sleep(pollMs);
  }
  throw new ClawError("channel_failed", "it did not end in time: the last line says how far it came");
}
