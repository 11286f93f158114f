/**
 * Matrix ids. They become SQL parameters, lanes and URLs, so they are checked whole before anything else touches them:
 * at most 255 bytes (spec: appendices, "Common Identifier Format"), no white space, control character, lone surrogate
 * or "|", which parts a lane.
 */
import type { Agent, Config } from "../config/config.ts";
import { matrixUserId } from "../config/config.ts";

const odd = /[\s\p{Cc}\p{Cs}|]/u;

const isId = (value: unknown, sigil: string): value is string =>
  typeof value === "string" &&
  value.length > 1 &&
  value.startsWith(sigil) &&
  Buffer.byteLength(value) <= 255 &&
  !odd.test(value);

/** `@localpart:server`. */
export const isUserId = (value: unknown): value is string => isId(value, "@") && value.indexOf(":") > 0;

/** `!opaque:server`, or `!hash` from room version 12 on. */
export const isRoomId = (value: unknown): value is string => isId(value, "!");

/** `$opaque` or, in old rooms, `$opaque:server`. */
export const isEventId = (value: unknown): value is string => isId(value, "$");

/** The agent that speaks as this user; the ids are compared whole, byte for byte (CVE-2026-28471). */
export const agentOf = (config: Config, user: string): Agent | undefined =>
  [...config.agents.values()].find((agent) => matrixUserId(config, agent) === user);

/** Full user ids of all agents on Matrix. */
export const agentUsers = (config: Config): string[] =>
  [...config.agents.values()].flatMap((agent) => matrixUserId(config, agent) ?? []);

/** The application service's own user. */
export const senderUser = (config: Config): string | undefined =>
  config.matrix && `@${config.matrix.sender_localpart}:${config.matrix.server_name}`;

/** Whether a user is ours: in the namespace, an agent, or the application service's own. */
export function isOurs(config: Config, user: string): boolean {
  const { matrix } = config;
  if (!matrix) return false;
  const inNamespace = user.startsWith(`@${matrix.namespace}`) && user.endsWith(`:${matrix.server_name}`);
  return inNamespace || user === senderUser(config) || agentOf(config, user) !== undefined;
}
