/** podman where there is no control group of version 2 to be had: it gets a mount of its own. */
import { existsSync } from "node:fs";
import { output } from "./command.ts";

const script = "umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && exec " + '"$0" "$@"';

/**
 * The command line of podman, or of a program that calls it, as root. crun starts nothing on control groups of version 1, so on such a
 * machine the program sees version 2 in a mount namespace of its own. Run it in `containerEnvironment()`.
 */
export function podmanCommand(program: string, ...argv: readonly string[]): [string, ...string[]] {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return [program, ...argv];
  return ["unshare", "--mount", "sh", "-c", script, program, ...argv];
}

/** What a container of the image must start under. */
export const hardened: readonly string[] = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];

let started = 0;

/** A name for a container, by which `removeStale` sees whose it was. */
export const testContainer = (): string => `openclaw-test-${process.pid}-${++started}`;

/** Containers of test runs that were killed. */
export async function removeStale(env: Readonly<Record<string, string>>): Promise<void> {
  const names = await output(podmanCommand("podman", "ps", "--all", "--format", "{{.Names}}"), env);
  for (const name of names.split("\n")) {
    const owner = /^openclaw-test-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      await output(podmanCommand("podman", "rm", "--force", name), env);
  }
}
