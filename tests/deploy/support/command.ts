/** Programs that run to their end. */
import { spawn } from "node:child_process";
import { once } from "node:events";

/** What a program wrote, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

type Environment = Readonly<Record<string, string>>;

/** Runs a program with nothing in its environment but this. */
export async function runToEnd(
  [program = "", ...argv]: readonly string[],
  env: Environment,
  cwd?: string,
): Promise<Ended> {
  const child = spawn(program, argv, { env, stdio: ["ignore", "pipe", "pipe"], ...(cwd !== undefined && { cwd }) });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, errors };
}

/** What a program writes to its standard output, trimmed. Throws with the end of all it wrote where it fails. */
export async function output(argv: readonly string[], env: Environment, cwd?: string): Promise<string> {
  const { code, out, errors } = await runToEnd(argv, env, cwd);
  if (code === 0) return out.trim();
  throw new Error(`${argv.join(" ")} ended with ${code}:\n${`${out}\n${errors}`.slice(-4_000)}`);
}
