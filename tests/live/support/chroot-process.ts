import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const LOG_LIMIT = 2 << 20;
const STOP_MILLISECONDS = 10_000;

/** A running peer, its output, and the way to end it with everything it started. */
export interface ChrootProcess {
  pid: number;
  logs(): string;
  hasEnded(): boolean;
  /** Writes to its input; only to a program that was started with a listener to its lines. */
  write(text: string): void;
  /** Asks it to end, then kills its whole group; returns when it is gone. */
  stop(): Promise<void>;
  /** Polls this URL until it answers 2xx; throws with the last output when the process ends or the time is over. */
  waitUntilHealthy(url: string, milliseconds?: number): Promise<void>;
}

/**
 * Prefix of a command line that cannot outlive us: it has its own process and mount namespaces, and the kernel
 * kills all of it, and drops its mounts, when this process dies in any way.
 */
export const contained = [
  "setpriv",
  "--pdeathsig",
  "KILL",
  "unshare",
  "--mount-proc",
  "--pid",
  "--fork",
  "--kill-child",
  "--",
];

/** The command line that runs `argv` contained inside the chroot `dir`, with a /proc of its own. */
export function inChroot(dir: string, argv: string[]): string[] {
  return [...contained, "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', dir, ...argv];
}

/** The environment of programs in the chroot: nothing of ours but what is given. */
export function chrootEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LC_ALL: "C.UTF-8", ...extra };
}

/**
 * Starts a program inside the chroot; it does not keep this process alive.
 * Given `onLine`, it has an input, and the lines of its output go there instead of the logs.
 */
export function startInChroot(
  dir: string,
  argv: string[],
  environment: Record<string, string> = {},
  onLine?: (line: string) => void,
): ChrootProcess {
  const [command = "", ...args] = inChroot(dir, argv);
  const child = spawn(command, args, {
    // A group of its own, so that a signal to the group reaches the program behind unshare.
    detached: true,
    env: chrootEnvironment(environment),
    stdio: [onLine ? "pipe" : "ignore", "pipe", "pipe"],
  });
  let output = "";
  const log = (text: string): void => void (output = (output + text).slice(-LOG_LIMIT));
  child.stdout?.setEncoding("utf8").on("data", onLine ? byLine(onLine) : log);
  child.stderr?.setEncoding("utf8").on("data", log);
  for (const stream of [child.stdin, child.stdout, child.stderr]) if (stream instanceof net.Socket) stream.unref();
  // Who waits for an answer hears that it has ended.
  child.stdin?.on("error", () => {});
  child.on("error", (error) => (output += `${error.message}\n`)).unref();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} cannot be started`);

  return {
    pid,
    logs: () => output,
    hasEnded: () => hasEnded(child),
    write(text) {
      if (!child.stdin) throw new Error(`${argv[0]} has no input`);
      child.stdin.write(text);
    },
    stop: () => stopGroup(child, pid),
    async waitUntilHealthy(url, milliseconds = 60_000) {
      const deadline = Date.now() + milliseconds;
      for (;;) {
        if (hasEnded(child)) throw new Error(`${argv[0]} ended while starting:\n${output.slice(-4000)}`);
        if (await answers(url)) return;
        if (Date.now() > deadline) throw new Error(`${url} is not healthy in time:\n${output.slice(-4000)}`);
        await sleep(50);
      }
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function byLine(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  };
}

async function stopGroup(child: ChildProcess, pid: number): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const exit = once(child, "exit");
  process.kill(-pid, "SIGTERM");
  const timer = setTimeout(() => process.kill(-pid, "SIGKILL"), STOP_MILLISECONDS);
  await exit;
  clearTimeout(timer);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
