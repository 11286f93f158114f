/** Makes agents' users, profiles and memberships on the homeserver, and says what was done. */
import { readFileSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, type Config, matrixUserId } from "../config/config.ts";
import { ClawError, messageOf } from "../errors.ts";
import { displayName } from "./address.ts";
import { encryptionState, type MatrixClient } from "./client.ts";
import { queryOwnKeys } from "./crypto/own-keys.ts";
import { MatrixError } from "./error.ts";

/** What is needed of matrix-appservice-bridge's Intent. */
export interface ProvisioningIntent {
  ensureRegistered(): Promise<unknown>;
  setDisplayName(name: string): Promise<unknown>;
  setAvatarUrl(url: string): Promise<unknown>;
  getProfileInfo(userId: string, info: null, useCache: boolean): Promise<{ displayname?: string; avatar_url?: string }>;
  uploadContent(content: Buffer, options: { name: string; type: string }): Promise<string>;
  createRoom(options: { createAsClient: boolean; options: Record<string, unknown> }): Promise<{ room_id: string }>;
}

/** What provisioning needs. */
export interface ProvisionDeps {
  readonly config: Config;
  readonly client: Pick<MatrixClient, "join" | "joinedRooms" | "getState">;
  readonly intent: (user: string) => ProvisioningIntent;
  /** One line a step. */
  readonly out: (line: string) => void;
  /** Uploads avatars again where one is set already. */
  readonly avatars: boolean;
  /** How long to wait for the gateway to have made an agent's keys. */
  readonly keysWaitMs: number;
}

const imageTypes: ReadonlyMap<string, string> = new Map([
  [".png", "image/png"],
  [".jpg", "image/jpeg"],
  [".jpeg", "image/jpeg"],
  [".gif", "image/gif"],
  [".webp", "image/webp"],
]);

/** Every agent on Matrix; returns how many steps failed, each of which was told. */
export async function provision(deps: ProvisionDeps): Promise<number> {
  let failures = 0;
  for (const agent of deps.config.agents.values()) {
    const user = matrixUserId(deps.config, agent);
    if (user === undefined) continue;
    deps.out(`${agent.name}: ${user}`);
    for (const [name, step] of stepsFor(deps, agent, user)) {
      try {
        deps.out(`  ${name}: ${await step()}`);
      } catch (thrown) {
        failures += 1;
        deps.out(`  ${name}: FAILED: ${thrown instanceof ClawError ? thrown.message : explainForeign(thrown)}`);
      }
    }
  }
  return failures;
}

/** A private room made by an agent; returns its id. */
export async function createRoom(
  deps: Pick<ProvisionDeps, "intent">,
  user: string,
  name: string,
  invite: readonly string[],
  encrypted: boolean,
): Promise<string> {
  const intent = deps.intent(user);
  await intent.ensureRegistered();
  const options = {
    name,
    invite: [...invite],
    preset: "trusted_private_chat",
    visibility: "private",
    ...(encrypted && { initial_state: [encryptionState] }),
  };
  return (await intent.createRoom({ createAsClient: true, options })).room_id;
}

type Step = readonly [name: string, run: () => Promise<string>];

function stepsFor(deps: ProvisionDeps, agent: Agent, user: string): Step[] {
  const { client } = deps;
  const intent = deps.intent(user);
  const steps: Step[] = [
    ["user", async () => (await intent.ensureRegistered(), "there")],
    ["display name", () => setName(intent, agent, user)],
  ];
  const avatar = agent.matrix?.avatar;
  if (avatar !== undefined) steps.push(["avatar", () => setAvatar(deps, intent, user, avatar)]);
  for (const room of agent.matrix?.rooms ?? []) steps.push([room, () => joinRoom(client, agent, user, room)]);
  steps.push(["keys", () => describeKeys(deps, user)]);
  return steps;
}

/** The gateway makes and signs them: the private ones are in its database alone. */
async function describeKeys({ config, keysWaitMs }: ProvisionDeps, user: string): Promise<string> {
  for (let waited = 0; ; waited += 500) {
    const { devices, signedDevices } = await queryOwnKeys(config, user);
    const [signed] = [...signedDevices];
    if (signed !== undefined) return `device ${signed}, cross-signed`;
    if (waited >= keysWaitMs)
      return devices.size === 0
        ? "none yet: the gateway makes and signs them when it runs"
        : "not cross-signed yet: /readyz of the gateway says why";
    await sleep(500);
  }
}

async function setName(intent: ProvisioningIntent, agent: Agent, user: string): Promise<string> {
  const wanted = displayName(agent);
  const { displayname } = await profileOf(intent, user);
  if (displayname === wanted) return `"${wanted}" already`;
  await intent.setDisplayName(wanted);
  return `"${wanted}"`;
}

async function setAvatar(
  { config, avatars }: ProvisionDeps,
  intent: ProvisioningIntent,
  user: string,
  avatar: string,
): Promise<string> {
  const { avatar_url: before } = await profileOf(intent, user);
  if (before !== undefined && before !== "" && !avatars) return `${before} is kept (--avatars replaces it)`;
  const file = resolve(dirname(config.file), avatar);
  const type = imageTypes.get(extname(file).toLowerCase());
  if (!type) throw new ClawError("config_invalid", `${file} is no .png, .jpg, .gif or .webp`);
  const uri = await intent.uploadContent(readImage(file), { name: basename(file), type });
  await intent.setAvatarUrl(uri);
  return uri;
}

function readImage(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ClawError("config_invalid", `${file} cannot be read (${messageOf(cause)})`, { cause });
  }
}

/** A user that never had a profile has none. */
async function profileOf(
  intent: ProvisioningIntent,
  user: string,
): Promise<{ displayname?: string; avatar_url?: string }> {
  try {
    return await intent.getProfileInfo(user, null, false);
  } catch {
    return {};
  }
}

async function joinRoom(client: ProvisionDeps["client"], agent: Agent, user: string, room: string): Promise<string> {
  const there = (await client.joinedRooms(user)).includes(room);
  try {
    if (!there) await client.join(user, room);
  } catch (thrown) {
    if (!(thrown instanceof MatrixError) || (thrown.httpStatus !== 403 && thrown.httpStatus !== 404)) throw thrown;
    return `not joined yet: invite ${user} to it; the gateway then joins by itself`;
  }
  const encrypted = (await client.getState(user, room, "m.room.encryption")) !== undefined;
  const how = there ? "joined already" : "joined";
  return encrypted || !agent.matrix?.require_encryption
    ? how
    : `${how}, but it is not encrypted: turn encryption on there, or set matrix.require_encryption = false`;
}

/** The bridge's errors quote requests, which hold the token: only what the homeserver said is shown. */
function explainForeign(thrown: unknown): string {
  const { errcode, statusCode } = (thrown ?? {}) as { errcode?: unknown; statusCode?: unknown };
  const said = [statusCode, errcode].filter((part) => typeof part === "string" || typeof part === "number").join(" ");
  return said || (thrown instanceof Error ? thrown.name : "unknown");
}
