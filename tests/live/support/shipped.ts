/** The shipped programs as child processes: `npm start`'s process and `claw`, with a config folder of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { patienceMs } from "../../support/until.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const clawMs = 60_000;

/** A gateway process. */
export interface ShippedGateway {
  readonly pid: number;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Asks it to end (SIGTERM) and returns its exit code. */
  stop(): Promise<number | null>;
  signal(name: NodeJS.Signals): void;
}

/** Starts functions/server.ts as `npm start` does and returns when it says that it is ready; its log goes to `logFile`. */
export async function startShipped(environment: Record<string, string>, logFile: string): Promise<ShippedGateway> {
  const scripts = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { scripts: { start: string } };
  const argv = scripts.scripts.start.replace(/^exec node /, "").split(" ");
  const child = spawn(process.execPath, argv, {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(logFile, { flags: "a" });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  await ready(child);
  const gone = once(child, "exit") as Promise<[number | null]>;
  const end = async (name: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(name);
      await gone;
    }
    log.end();
    return child.exitCode;
  };
  return {
    pid: child.pid ?? 0,
    kill: async () => void (await end("SIGKILL")),
    stop: () => end("SIGTERM"),
    signal: (name) => void child.kill(name),
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    const timer = setTimeout(() => reject(new Error(`the gateway was not ready in time:\n${seen}`)), patienceMs);
    const look = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (!seen.includes('"msg":"ready"')) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the gateway ended with ${code} before it was ready:\n${seen}`));
    });
  });
}

/** Runs one `claw` command to its end. */
export async function claw(
  environment: Record<string, string>,
  ...argv: string[]
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [`${root}/functions/claw.ts`, ...argv], {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), clawMs);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, output };
}
