/** The process as it is shipped: started with the flags of `npm start`, watched from outside. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sharedClock } from "./child.ts";
import type { Settings } from "./settings.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const giveUpMs = 30_000;

/** A running gateway. */
export interface Shipped {
  readonly pid: number;
  readonly privateUrl: string;
  /** Port of the public listener. */
  readonly port: number;
  /** From spawn to the log line "ready", in milliseconds. */
  readonly readyMs: number;
  /** From spawn until /readyz answered 200. */
  readonly healthyMs: number;
  /** From spawn until each agent's keys were loaded. */
  readonly heldMs: readonly number[];
  /** Lines it logged as warnings or errors. */
  readonly complaints: readonly string[];
  /** SIGTERM and a drain; `kill`: SIGKILL. */
  stop(kill?: boolean): Promise<void>;
}

/** What `npm start` hands to node, its own flags, these (which win) and the file. */
export function startArguments(flags: readonly string[] = []): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    scripts: { start: string };
  };
  const [program, ...rest] = scripts.start.replace(/^exec /, "").split(/\s+/);
  if (program !== "node") throw new Error(`the start script does not begin with node: ${scripts.start}`);
  return [...rest.slice(0, -1), ...flags, ...rest.slice(-1)];
}

/** Starts it and waits until it says "ready" and, where `healthy`, until /readyz agrees. */
export async function startShipped(
  settings: Settings,
  options: { healthy?: boolean; flags?: readonly string[] } = {},
): Promise<Shipped> {
  const began = sharedClock();
  const child = spawn(process.execPath, startArguments(options.flags), {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...settings.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("the gateway could not be started");
  const gone = once(child, "exit");
  const complaints: string[] = [];
  const heldMs: number[] = [];
  const ready = Promise.withResolvers<{ public: string; private: string; at: number }>();
  createInterface({ input: child.stderr }).on("line", (line) => complaints.push(line));
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (/"level":"(warn|error|fatal)"/.test(line)) complaints.push(line);
    if (line.includes('"msg":"matrix: agent held"')) heldMs.push(sharedClock() - began);
    if (!line.includes('"msg":"ready"')) return;
    ready.resolve({ ...(JSON.parse(line) as { public: string; private: string }), at: sharedClock() });
  });
  const stop = async (kill = false): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(kill ? "SIGKILL" : "SIGTERM");
      await gone;
    }
  };
  const early = gone.then(() => Promise.reject(new Error(`the gateway did not start:\n${complaints.join("\n")}`)));
  early.catch(() => {});
  try {
    const said = await Promise.race([ready.promise, early, late("ready")]);
    if (options.healthy !== false) await Promise.race([healthy(said.private), early]);
    return {
      pid,
      privateUrl: said.private,
      port: Number(new URL(said.public).port),
      readyMs: said.at - began,
      healthyMs: sharedClock() - began,
      heldMs,
      complaints,
      stop,
    };
  } catch (thrown) {
    await stop(true);
    throw thrown;
  }
}

async function late(what: string): Promise<never> {
  await sleep(giveUpMs, undefined, { ref: false });
  throw new Error(`the gateway was not ${what} within ${giveUpMs} ms`);
}

async function healthy(privateUrl: string): Promise<void> {
  let seen = "";
  for (const end = sharedClock() + giveUpMs; sharedClock() < end; await sleep(5)) {
    const response = await fetch(`${privateUrl}/readyz`);
    seen = await response.text();
    if (response.ok) return;
  }
  throw new Error(`/readyz: ${seen}`);
}

/** Resident and proportional memory of a process, in MB. */
export function memoryOf(pid: number): { rss: number; pss: number } {
  const field = (file: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))?.[1]) / 1024;
  return { rss: field("status", "VmRSS"), pss: field("smaps_rollup", "Pss") };
}

/** Processor seconds a process has used. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
