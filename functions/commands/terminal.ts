/** A person at the terminal. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Person } from "../../lib/init/question.ts";
import { ExitCode } from "./context.ts";

/** As a shell counts what Ctrl-C has ended. */
const interrupted = 130;

/**
 * Asks on standard error, and reads lines of standard input, which is a terminal. Each line is read by an interface of its own:
 * a hidden one is in no history, and between questions Ctrl-C ends the process as always.
 */
export const atTerminal: Person = {
  async ask(question, hidden) {
    // Hidden: the terminal is in raw mode, and what would be echoed goes nowhere.
    const output = hidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stderr;
    const reader = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    // Not before the terminal is in raw mode: whoever answers at once would be echoed.
    if (hidden) process.stderr.write(`${question} `);
    // Ctrl-D closes it; Ctrl-C also makes the question fail.
    const left = once(reader, "close").then(() => undefined);
    try {
      const typed = await Promise.race([reader.question(hidden ? "" : `${question} `).catch(() => undefined), left]);
      if (hidden || typed === undefined) process.stderr.write("\n");
      if (typed !== undefined) return typed;
      process.stderr.write("Nothing was written.\n");
      throw new ExitCode(interrupted);
    } finally {
      reader.close();
    }
  },
  tell: (line) => void process.stderr.write(`${line}\n`),
};
