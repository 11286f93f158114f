/** A gateway that runs from the image. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process on the host in which a gateway runs, and what the gateway wrote. */
export interface RunningGateway {
  readonly child: ChildProcess;
  out(): string;
  errors(): string;
  /** Its exit code. */
  readonly exited: Promise<number | null>;
}

/** Starts a command line that runs a gateway, with nothing in its environment but this. */
export function startGatewayBy(
  [program = "", ...argv]: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningGateway {
  const child = spawn(program, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  const exited = once(child, "close").then(([code]) => code as number | null);
  return { child, out: () => out, errors: () => errors, exited };
}

/** Waits until /readyz is green; throws with what the gateway says where it ends, or is not ready in a minute. */
export async function untilReady(privateUrl: string, gateway: RunningGateway): Promise<void> {
  let last = "";
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(100)) {
    if (gateway.child.exitCode !== null) break;
    try {
      const response = await fetch(`${privateUrl}/readyz`);
      last = await response.text();
      if (response.ok) return;
    } catch {
      // It does not listen yet.
    }
  }
  throw new Error(`not ready: ${last}\n${gateway.out()}\n${gateway.errors()}`);
}

/** The process id on the host of the gateway that this process started, however many are between. */
export function gatewayBelow(ancestor: number): number {
  const found = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isGateway(pid) && descends(pid, ancestor));
  if (found.length !== 1) throw new Error(`${found.length} gateways run below process ${ancestor}`);
  return Number(found[0]);
}

function isGateway(pid: string): boolean {
  try {
    return (
      /\/node$/.test(readlinkSync(`/proc/${pid}/exe`)) &&
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/app/functions/server.ts")
    );
  } catch {
    return false;
  }
}

function descends(pid: string, ancestor: number): boolean {
  for (let at = Number(pid); at > 1;) {
    if (at === ancestor) return true;
    at = Number(readFileSync(`/proc/${at}/stat`, "utf8").split(") ")[1]?.split(" ")[1] ?? 0);
  }
  return false;
}
