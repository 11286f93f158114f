/** The application service's registration: what it says, as YAML, and where it may lie. */
import { existsSync, mkdirSync, openSync, closeSync, realpathSync, renameSync, writeFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ClawError } from "../errors.ts";
import { escapeRegex } from "./escape-regex.ts";

/** A registration as the homeserver reads it. */
export interface Registration {
  readonly id: string;
  readonly url: string;
  readonly as_token: string;
  readonly hs_token: string;
  readonly sender_localpart: string;
  readonly namespaces: { readonly users: readonly { readonly exclusive: boolean; readonly regex: string }[] };
}

/** The users of ours: the prefix and the server, with nothing in them read as a pattern. */
export const namespaceRegex = (prefix: string, serverName: string): string =>
  `@${escapeRegex(prefix)}.*:${escapeRegex(serverName)}`;

/** The registration file. Strings are written as JSON, which YAML reads. */
export function registrationYaml(registration: Registration): string {
  const text = JSON.stringify;
  return [
    "# OpenClaw's application service. Holds secrets: readable by the homeserver's user alone.",
    `id: ${text(registration.id)}`,
    `url: ${text(registration.url)}`,
    `as_token: ${text(registration.as_token)}`,
    `hs_token: ${text(registration.hs_token)}`,
    `sender_localpart: ${text(registration.sender_localpart)}`,
    "rate_limited: false",
    "receive_ephemeral: true",
    "namespaces:",
    "  users:",
    ...registration.namespaces.users.flatMap(({ exclusive, regex }) => [
      `    - exclusive: ${exclusive}`,
      `      regex: ${text(regex)}`,
    ]),
    "  aliases: []",
    "  rooms: []",
    "",
  ].join("\n");
}

/**
 * Writes a file that holds secrets: 0600, whole or not at all. Throws ClawError where it is there already (unless
 * `replace`) or would lie in a git work tree, where it could be committed.
 */
export function writeSecretFile(file: string, content: string, replace: boolean): string {
  const target = resolve(file);
  const tree = workTreeOf(dirname(target));
  if (tree !== undefined)
    throw new ClawError("bad_request", `${target} is inside the git work tree ${tree}: name a place outside of it`);
  if (existsSync(target) && !replace)
    throw new ClawError("bad_request", `${target} is there already: --force replaces it, and its tokens with it`);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const fresh = `${target}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  const descriptor = openSync(fresh, "wx", 0o600);
  try {
    writeFileSync(descriptor, content);
  } finally {
    closeSync(descriptor);
  }
  renameSync(fresh, target);
  return target;
}

/** The git work tree a directory is in, symbolic links followed; the directory need not exist yet. */
export function workTreeOf(directory: string): string | undefined {
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  for (let at = realpathSync(existing); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return undefined;
  }
}
