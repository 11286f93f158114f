import type { Command } from "commander";
import { type Agent, type Config, matrixUserId } from "../../lib/config/config.ts";
import type { Sql } from "../../lib/db/client.ts";
import { ClawError } from "../../lib/errors.ts";
import { type DeviceStatus, deviceStatuses, resetDevice } from "../../lib/ledger/matrix-devices.ts";
import { type KnownIdentity, knownIdentities, trustDevice, trustIdentity } from "../../lib/ledger/matrix-identities.ts";
import { newDeviceId } from "../../lib/matrix/client.ts";
import { queryOwnKeys } from "../../lib/matrix/crypto/own-keys.ts";
import { asked } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** Adds `claw matrix keys`, `trust` and `reset`. */
export function registerKeys(matrix: Command, context: CommandContext): void {
  matrix
    .command("keys")
    .description("Each agent's device, fingerprint, cross-signing, one-time keys left and last pull; whom they know.")
    .action(() => withMatrix(context, (sql, config) => showKeys(context, sql, config)));
  matrix
    .command("trust")
    .argument("<principal>", "matrix:@name:server")
    .description("Believes the identity, or the unsigned session, that was refused last for a person.")
    .option("--yes", "without asking")
    .action((principal: string, options: { yes?: boolean }) =>
      withMatrix(context, (sql) => trust(context, sql, principal, options.yes === true)),
    );
  matrix
    .command("reset")
    .argument("<agent>", "a name from [agents.<name>]")
    .description("Gives an agent a new device. Messages whose keys only the old one has stay unreadable.")
    .option("--identity", "a new cross-signing identity too: whoever verified the agent is warned")
    .option("--yes", "without asking")
    .action((name: string, options: { identity?: boolean; yes?: boolean }) =>
      withMatrix(context, (sql, config) => reset(context, sql, config, name, options)),
    );
}

/** Runs a command beside the gateway, on its database. */
export async function withMatrix(
  context: CommandContext,
  work: (sql: Sql, config: Config) => Promise<void>,
): Promise<void> {
  const config = await context.loadConfig();
  if (!config.matrix) throw new ClawError("config_invalid", `${config.file} has no [matrix]`);
  await withDatabase(config, (sql) => work(sql, config));
}

/** The agent of that name and its full user id. */
export function agentOnMatrix(config: Config, name: string): { readonly agent: Agent; readonly user: string } {
  const agent = config.agents.get(name);
  const user = agent && matrixUserId(config, agent);
  if (agent && user !== undefined) return { agent, user };
  const known = [...config.agents.values()].filter(({ matrix }) => matrix).map((each) => each.name);
  throw new ClawError("bad_request", `no agent on Matrix is named "${name}"; there are ${known.join(", ")}`);
}

/** The user id of a principal on Matrix. */
export function userOf(principal: string): string {
  const user = /^matrix:(@[^\s:]+:\S+)$/.exec(principal)?.[1];
  if (user !== undefined) return user;
  throw new ClawError("bad_request", `"${principal}" is no Matrix principal: give it whole, as "matrix:@name:server"`);
}

async function showKeys({ out }: CommandContext, sql: Sql, config: Config): Promise<void> {
  const agents = [...config.agents.values()].flatMap((agent) => {
    const user = matrixUserId(config, agent);
    return user === undefined ? [] : [{ agent, user }];
  });
  const statuses = await deviceStatuses(
    sql,
    agents.map(({ user }) => user),
  );
  for (const { agent, user } of agents) {
    out(`${agent.name}: ${user}`);
    const status = statuses.get(user);
    if (!status) out("  no keys yet: the gateway makes them when it runs");
    else for (const [name, value] of await linesOf(config, status)) out(`  ${name.padEnd(14)} ${value}`);
  }
  const people = [...(await knownIdentities(sql)).values()].filter(({ user }) => !statuses.has(user));
  if (people.length > 0) out("people:");
  for (const person of people) for (const line of describePerson(person)) out(`  ${line}`);
}

async function linesOf(config: Config, status: DeviceStatus): Promise<[string, string][]> {
  const { deviceId, ed25519, masterKey, oneTimeKeys, pulledSecondsAgo, trouble, unreadable } = status;
  return [
    ["device", deviceId],
    ["fingerprint", ed25519 === undefined ? "none yet" : grouped(ed25519)],
    ["identity", masterKey === undefined ? "none yet" : grouped(masterKey)],
    ["cross-signed", await crossSigning(config, status)],
    ["one-time keys", oneTimeKeys === undefined ? "unknown" : `${oneTimeKeys} left on the homeserver`],
    ["last pull", pulledSecondsAgo === undefined ? "never" : `${Math.round(pulledSecondsAgo)} s ago`],
    ["unreadable", unreadable === 0 ? "nothing" : `${unreadable} messages wait for their key`],
    ["state", trouble ?? "well"],
  ];
}

/** As the homeserver shows it to others, not as we believe it to be. */
async function crossSigning(config: Config, { user, deviceId, masterKey }: DeviceStatus): Promise<string> {
  try {
    const shown = await queryOwnKeys(config, user);
    if (shown.masterKey === undefined) return "no: the homeserver shows no identity";
    if (shown.masterKey !== masterKey) return "NO: the homeserver shows another identity";
    return shown.signedDevices.has(deviceId) ? "yes, as the homeserver shows it" : "no: the device is not signed";
  } catch (thrown) {
    return `unknown: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

function describePerson({ user, masterKey, verified, trustedDevices, seen }: KnownIdentity): string[] {
  const known =
    masterKey === undefined
      ? "no identity seen yet"
      : `${grouped(masterKey)} (${verified ? "verified" : "first seen"})`;
  return [
    `${user}: ${known}`,
    ...trustedDevices.map((device) => `  trusted session: ${grouped(device)}`),
    ...(seen.masterKey !== undefined && seen.masterKey !== masterKey
      ? [`  refused: identity ${grouped(seen.masterKey)}; claw matrix trust matrix:${user}`]
      : []),
    ...(seen.device
      ? [`  refused: session ${seen.device.id}, ${grouped(seen.device.ed25519)}; claw matrix trust matrix:${user}`]
      : []),
  ];
}

async function trust(context: CommandContext, sql: Sql, principal: string, yes: boolean): Promise<void> {
  const user = userOf(principal);
  const person = (await knownIdentities(sql, [user])).get(user);
  const identity = person?.seen.masterKey === person?.masterKey ? undefined : person?.seen.masterKey;
  const device = person?.seen.device;
  if (!person || (identity === undefined && !device))
    throw new ClawError(
      "not_found",
      `nothing of ${user} was refused: they write to an agent in an encrypted room first, and it answers that it did not act`,
    );
  for (const line of describePerson(person)) context.out(line);
  context.out("Compare the key with the one their own client shows before you trust it.");
  if (identity !== undefined && (yes || (await asked(`Is ${grouped(identity)} the identity of ${user}?`)))) {
    await trustIdentity(sql, user, identity, false);
    context.out(`trusted: ${user} is now known by ${grouped(identity)}`);
  }
  if (device && (yes || (await asked(`Is session ${device.id} (${grouped(device.ed25519)}) one of ${user}?`)))) {
    await trustDevice(sql, user, device.ed25519);
    context.out(`trusted: session ${device.id} of ${user}, though it is not signed`);
  }
}

async function reset(
  context: CommandContext,
  sql: Sql,
  config: Config,
  name: string,
  { identity = false, yes = false }: { identity?: boolean; yes?: boolean },
): Promise<void> {
  const { user } = agentOnMatrix(config, name);
  const question = `Give ${user} a new device${identity ? " and a new identity" : ""}? What only the old one can read is lost.`;
  if (!yes && !(await asked(question))) return;
  const device = newDeviceId();
  if (!(await resetDevice(sql, user, device, identity)))
    throw new ClawError("not_found", `${user} has no device yet: the gateway makes it when it runs`);
  context.out(`${user}: device ${device}; the gateway makes its keys within a few seconds, and deletes the old device`);
}

/** Keys as Element shows them: in groups of four. */
const grouped = (key: string): string => key.replace(/(.{4})(?=.)/g, "$1 ");
