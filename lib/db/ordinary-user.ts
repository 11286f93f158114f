/** As whom PostgreSQL is run, which refuses to run as root and opens only a folder of its own user's. */
import { spawnSync } from "node:child_process";
import { chownSync, lchownSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** A user by its numbers: a service's has no name while it does not run. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How to start a program as a user who is not root. */
export interface Launch {
  /** A program to put in front, with its arguments. */
  readonly command?: string;
  readonly arguments: readonly string[];
  /** Whose the cluster must be; undefined: this user's. */
  readonly owner?: Owner;
  /** Whether the child is to switch to the owner itself. */
  readonly switch?: boolean;
}

/** As whom a cluster is made, and run. */
export interface Launches {
  readonly initdb: Launch;
  readonly postgres: Launch;
}

/** They are there on every system, by this number and by a name, which initdb asks for. */
const nobody: Owner = { uid: 65534, gid: 65534 };

/**
 * For the cluster in `data`, below `directory`. By root, that of a service which has stopped is run as that service's user, so
 * that nothing is left there that it cannot open. Root's own is run in a user namespace where root appears as an ordinary user
 * (it keeps root's access to files, so a clone under a 0700 home works); where namespaces are switched off, as `nobody`.
 */
export function launchesFor(directory: string, data: string): Launches {
  if (process.getuid?.() !== 0) return { initdb: { arguments: [] }, postgres: { arguments: [] } };
  const owner = otherOwner(directory, data);
  if (owner) {
    const postgres = asOwner(owner);
    return { initdb: postgres.switch ? postgres : asOwner(nobody), postgres };
  }
  const namespace = ["-U", `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`];
  const launch = through("unshare", namespace) ?? asOwner(nobody);
  return { initdb: launch, postgres: launch };
}

/** They may still enter folders of root's alone, as systemd's /var/lib/private is, where the kernel lets them. */
function asOwner(owner: Owner): Launch {
  const enter = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  const change = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", ...enter];
  const launch = through("setpriv", change) ?? { arguments: [], switch: true };
  return { ...launch, owner };
}

/** Undefined: there is no such program here, or it may not do that. */
function through(command: string, arguments_: readonly string[]): Launch | undefined {
  const probe = spawnSync(command, [...arguments_, "true"], { stdio: "ignore" });
  return probe.status === 0 ? { command, arguments: arguments_ } : undefined;
}

/** Whose the first of these folders is that is there and not root's. */
function otherOwner(...folders: readonly string[]): Owner | undefined {
  const found = folders
    .map((folder) => statSync(folder, { throwIfNoEntry: false }))
    .find((stats) => stats !== undefined && stats.uid !== 0);
  return found && { uid: found.uid, gid: found.gid };
}

/** Gives a folder and what is in it to its owner, unless it is theirs: the folder itself comes last, and so says that all is done. */
export function giveTo({ uid, gid }: Owner, folder: string): void {
  if (statSync(folder).uid === uid) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) giveTo({ uid, gid }, path);
    else lchownSync(path, uid, gid);
  }
  chownSync(folder, uid, gid);
}
