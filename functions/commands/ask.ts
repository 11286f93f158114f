import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { ClawError } from "../../lib/errors.ts";

/** A yes at the terminal, or on standard input; throws where that has ended. */
export async function asked(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(terminal, "close").then(() => undefined);
  try {
    const said = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    if (said === undefined)
      throw new ClawError("bad_request", "nobody is here to answer: run it in a terminal, or give --yes");
    return /^y(es)?$/i.test(said.trim());
  } finally {
    terminal.close();
  }
}
