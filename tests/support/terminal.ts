/** A program at a terminal of its own, by util-linux's `script`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { until } from "./until.ts";

export interface Terminal {
  /** All that the terminal has shown. */
  readonly shown: () => string;
  /** Types a line once this is shown, after all that was waited for before. */
  answer(after: string, line: string): Promise<void>;
  /** Types keys, such as "\u0003" for Ctrl-C, once this is shown. */
  press(after: string, keys: string): Promise<void>;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Starts it, with nothing in its environment but this; what still runs after the test is ended. */
export function atTerminal(
  t: TestContext,
  cwd: string,
  env: Readonly<Record<string, string>>,
  command: readonly string[],
): Terminal {
  const child = spawn("script", ["-qefc", command.map(word).join(" "), "/dev/null"], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", SHELL: "/bin/sh", ...env },
  });
  let [shown, seen] = ["", 0];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (shown += chunk));
  const ended = once(child, "close").then(([code]) => code as number | null);
  let over = false;
  void ended.then(() => (over = true));
  t.after(() => void child.kill("SIGKILL"));
  const press = async (after: string, keys: string): Promise<void> => {
    await until(async () => shown.indexOf(after, seen) >= 0 || over);
    const at = shown.indexOf(after, seen);
    if (at < 0) throw new Error(`"${after}" was never asked:\n${shown}`);
    seen = at + after.length;
    child.stdin.write(keys);
  };
  return { shown: () => shown, press, answer: (after, line) => press(after, `${line}\r`), ended };
}
