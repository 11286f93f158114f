import { spawnSync } from "node:child_process";

/** How to start a program that refuses to run as root. */
export interface Launch {
  /** A program to put in front, with its arguments. */
  readonly command?: string;
  readonly arguments: readonly string[];
  /** The user to switch to; its files must be given to it. */
  readonly uid?: number;
  readonly gid?: number;
}

const nobody = 65534;

/**
 * As root, PostgreSQL is started in a user namespace where root appears as an ordinary user (it keeps root's access to
 * files, so a clone under a 0700 home works); where namespaces are switched off, as `nobody`.
 */
export function ordinaryUser(): Launch {
  if (process.getuid?.() !== 0) return { arguments: [] };
  const arguments_ = ["-U", "--map-user=1000", "--map-group=1000"];
  const probe = spawnSync("unshare", [...arguments_, "true"], { stdio: "ignore" });
  if (probe.status === 0) return { command: "unshare", arguments: arguments_ };
  return { arguments: [], uid: nobody, gid: nobody };
}
