/** The command line, as a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { compileCache } from "./compile-cache.ts";

const root = join(import.meta.dirname, "../..");

export interface ClawResult {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Runs one command with nothing in its environment but this, and nobody to answer it. */
export async function claw(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<ClawResult> {
  const child = spawn(process.execPath, [join(root, "functions/claw.ts"), ...argv], {
    ...{ cwd: root, env: { ...compileCache, ...env } },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, errors };
}
