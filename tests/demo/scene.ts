/** The scripted conversation, with what each line must come to. */
import { auditRows, printAudit, type AuditRow } from "./audit.ts";
import { printReplies, printSaid } from "./print.ts";
import { type Outcome, say } from "./say.ts";
import type { Person } from "./settings.ts";
import type { Stage } from "./stage.ts";

interface Step {
  readonly person: Person;
  readonly text: string;
  /** In the reply; checked with the scripted stand-in only, as a real model says it its own way. */
  readonly reply: RegExp;
  /** The tool call decided, and how; checked with the stand-in only. */
  readonly tool?: readonly [name: string, decision: "allow" | "deny"];
  /** False: there must be no run, whatever the model. */
  readonly run?: false;
  readonly inbox?: "denied";
  /** What to look at. */
  readonly note?: string;
}

const steps: readonly Step[] = [
  { person: "owner", text: "What time is it?", tool: ["time_now", "allow"], reply: /\d\d:\d\d/ },
  {
    person: "owner",
    text: "Remember to renew the TLS certificate by friday",
    tool: ["commitments_add", "allow"],
    reply: /#1 renew the TLS certificate \(due \d{4}-\d\d-\d\d\)/,
  },
  { person: "owner", text: "What do I have to do?", tool: ["commitments_list", "allow"], reply: /TLS certificate/ },
  { person: "owner", text: "done 1", tool: ["commitments_complete", "allow"], reply: /\[done\] renew/ },
  { person: "owner", text: "find certificate", tool: ["history_search", "allow"], reply: /Remember to renew/ },
  { person: "owner", text: "How are you?", reply: /stand-in/ },
  { person: "owner", text: "/status", run: false, reply: /ops/ },
  {
    person: "stranger",
    text: "Hello? Who is there?",
    run: false,
    inbox: "denied",
    reply: /private.*telegram:6666/is,
    note: "a stranger: refused before any agent, told so once an hour",
  },
  {
    person: "kid",
    text: "Remember to water the plants by tomorrow",
    tool: ["commitments_add", "allow"],
    reply: /#2 water/,
  },
  {
    person: "kid",
    text: "done 2",
    tool: ["commitments_complete", "deny"],
    reply: /refused/,
    note: "the model was not offered this tool; the stand-in asks for it all the same, and the policy denies the call",
  },
];

/** Plays all of it; returns how many steps did not give what is expected. */
export async function playScene(stage: Stage, out: (line: string) => void): Promise<number> {
  let failures = 0;
  for (const step of steps) {
    if (step.note !== undefined && stage.standIn) out(`(${step.note})`);
    printSaid(out, step.person, step.text);
    const modelCalls = stage.standIn?.requests.length;
    const outcome = await say(stage, step.person, step.text);
    const rows = outcome.runId === null ? [] : await auditRows(stage.sql, outcome.runId);
    printReplies(out, outcome.replies);
    printAudit(out, outcome, rows);
    const wrong = [...problems(step, outcome, rows), ...(stage.standIn ? scriptProblems(step, outcome, rows) : [])];
    if (step.run === false && stage.standIn?.requests.length !== modelCalls) wrong.push("the model was called");
    for (const problem of wrong) out(`  UNEXPECTED: ${problem}`);
    if (wrong.length > 0) failures += 1;
    out("");
  }
  const passed = `${steps.length - failures} of ${steps.length} steps gave what is expected`;
  out(stage.standIn ? `${passed}.` : `${passed} (of a real model's words and tool calls nothing is expected).`);
  return failures;
}

/** What holds with any model. */
function problems(step: Step, { replies, inbox, outbox, runId }: Outcome, rows: readonly AuditRow[]): string[] {
  const wrong: string[] = [];
  if (replies.length === 0) wrong.push("no reply");
  if (inbox.state !== (step.inbox ?? "done")) wrong.push(`the inbox row is ${inbox.state}`);
  if (outbox.some(({ state }) => state !== "sent")) wrong.push("a reply was not delivered");
  if ((step.run === false) !== (runId === null))
    wrong.push(step.run === false ? "there was a run" : "there was no run");
  if (step.run === false && !step.reply.test(replies.join("\n"))) wrong.push("the reply is another");
  if (runId !== null && rows.at(-1)?.type !== "run.finished") wrong.push("the journal does not end with run.finished");
  if (rows.at(-1)?.error) wrong.push(`the run failed: ${rows.at(-1)?.error}`);
  return wrong;
}

/** What holds with the scripted stand-in. */
function scriptProblems({ tool, reply }: Step, { replies }: Outcome, rows: readonly AuditRow[]): string[] {
  const wrong: string[] = [];
  const decided = rows.filter(({ type }) => type === "tool.requested");
  const found = decided.map((row) => `${row.tool} ${row.decision}`).join(", ");
  if (found !== (tool?.join(" ") ?? "")) wrong.push(`tool calls: ${found || "none"}`);
  if (!reply.test(replies.join("\n"))) wrong.push(`the reply is not ${reply}`);
  return wrong;
}
