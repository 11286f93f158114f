/** The terminal as the person: each line is pushed, each reply printed with its audit rows. */
import { createInterface } from "node:readline";
import { messageOf } from "../../lib/errors.ts";
import { auditRows, printAudit } from "./audit.ts";
import { runJob } from "./jobs.ts";
import { printReplies, whoIs } from "./print.ts";
import { say } from "./say.ts";
import { people, type Person } from "./settings.ts";
import type { Stage } from "./stage.ts";

const isPerson = (name: string): name is Person => Object.hasOwn(people, name);

/** Resolves when the person ends it: /quit, Ctrl-D or Ctrl-C. */
export async function chat(stage: Stage, out: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  let person: Person = "owner";
  let work: Promise<void> = Promise.resolve();

  const prompt = (): void => {
    lines.setPrompt(`${person}> `);
    lines.prompt();
  };
  const show = async (from: Person, text: string): Promise<void> => {
    try {
      const outcome = await say(stage, from, text);
      printReplies(out, outcome.replies);
      printAudit(out, outcome, outcome.runId === null ? [] : await auditRows(stage.sql, outcome.runId));
    } catch (thrown) {
      out(`  the demo failed: ${messageOf(thrown)}`);
    }
  };

  out(`You are the ${whoIs("owner")}. Try: remember to check the backups by friday`);
  out(
    "Chat: /help /agents /agent helper /status /new /stop. Demo: /as kid, /as stranger, /as owner, /quit (or Ctrl-D).",
  );
  out("Jobs: /job morning-briefing, /job weekly-digest, /job task-review run one now.");
  prompt();
  const closed = new Promise<void>((resolve) => lines.once("close", resolve));
  lines.on("SIGINT", () => lines.close());
  lines.on("line", (line) => {
    const text = line.trim();
    const [, other] = /^\/as\s+(\w+)$/.exec(text) ?? [];
    if (text === "/quit") return lines.close();
    if (text === "") return prompt();
    const [, job] = /^\/job\s+([a-z0-9-]+)$/.exec(text) ?? [];
    if (job !== undefined) {
      work = work.then(() => runJob(stage, job, out)).then(prompt, (thrown: unknown) => out(messageOf(thrown)));
      return;
    }
    if (other !== undefined) {
      if (isPerson(other)) person = other;
      out(isPerson(other) ? `You are now the ${whoIs(person)}.` : `There is: ${Object.keys(people).join(", ")}.`);
      return prompt();
    }
    const from = person;
    // /stop is for what is being worked on, so it does not wait for it.
    const before = text === "/stop" ? Promise.resolve() : work;
    work = Promise.all([work, before.then(() => show(from, text))]).then(prompt);
  });
  await closed;
  out("");
}
