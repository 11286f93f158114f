/** The three jobs that come with the gateway, run on the stand-in sources as a timer would: by a request to the private listener. */
import { auditRows, printRows, type AuditRow } from "./audit.ts";
import { printReplies } from "./print.ts";
import { people } from "./settings.ts";
import type { Sources } from "./sources.ts";
import type { Stage } from "./stage.ts";

/** The tools that the jobs' agent needs besides. */
export const jobTools = ["alerts_list", "calendar_agenda", "feeds_unread", "feeds_mark_read", "tasks_mine"];

/** The sources and jobs for the demo's openclaw.toml. */
export const jobsToml = (sources: Sources): string => `
[tools.alerts]
url = ${JSON.stringify(sources.url("alertmanager"))}

[tools.calendar.calendars.home]
kind = "ics"
url = ${JSON.stringify(sources.url("calendar"))}

[tools.feeds]
url = ${JSON.stringify(sources.url("miniflux"))}
token = { env = "MINIFLUX_TOKEN" }

[tools.tasks]
url = ${JSON.stringify(sources.url("plane"))}
token = { env = "PLANE_TOKEN" }
workspace = "home"
${job("morning-briefing", "briefing", "0 8 * * 1-5", ["alerts_list", "calendar_agenda"])}
${job("weekly-digest", "digest", "0 19 * * 5", ["feeds_unread", "feeds_mark_read"])}
${job("task-review", "review", "0 9 * * 1", ["tasks_mine", "commitments_list"])}
for = "telegram:${people.owner}"
`;

const job = (name: string, does: string, schedule: string, tools: readonly string[]): string => `
[jobs.${name}]
agent = "ops"
function = "${does}"
schedule = "${schedule}"
tools = ${JSON.stringify(tools)}
deliver = ["telegram:${people.owner}"]`;

/** What came of one job. */
export interface JobOutcome {
  readonly status: number;
  readonly state: string;
  readonly reason: string | null;
  readonly replies: readonly string[];
  readonly runId: string | null;
}

/** Has a job run by hand, waits for its end, and prints what was sent. */
export async function runJob(stage: Stage, name: string, out: (line: string) => void): Promise<JobOutcome> {
  const chat = people.owner;
  const before = new Set(stage.botApi.sent(chat).map(({ message_id }) => message_id));
  const path = `/jobs/${encodeURIComponent(name)}?wait=1&rerun=1`;
  out(`timer> POST ${stage.privateUrl}${path}`);
  const answer = await fetch(stage.privateUrl + path, {
    method: "POST",
    headers: { authorization: `Bearer ${stage.token}` },
  });
  const body = (await answer.json()) as { state?: string; run?: string | null; reason?: string; message?: string };
  const replies = stage.botApi
    .sent(chat)
    .filter(({ message_id }) => !before.has(message_id))
    .map(({ text }) => text);
  const outcome = {
    ...{ status: answer.status, state: body.state ?? "refused", replies },
    ...{ runId: body.run ?? null, reason: body.reason ?? body.message ?? null },
  };
  printReplies(out, replies);
  out(`  ${outcome.status} ${outcome.state}${outcome.reason === null ? "" : `: ${outcome.reason}`}`);
  printRows(out, outcome.runId, outcome.runId === null ? [] : await auditRows(stage.sql, outcome.runId));
  return outcome;
}

interface Step {
  readonly name: string;
  /** What the run has called before the model was asked. */
  readonly sources: readonly string[];
  /** In what was sent, whatever the model. */
  readonly sent: RegExp;
  /** With the scripted stand-in only. */
  readonly scripted: RegExp;
}

const steps: readonly Step[] = [
  {
    name: "morning-briefing",
    sources: ["alerts_list", "calendar_agenda"],
    sent: /morning briefing/,
    scripted: /DiskAlmostFull[\s\S]*Dentist/,
  },
  { name: "weekly-digest", sources: ["feeds_unread"], sent: /weekly digest/, scripted: /Postgres 19 beta is out/ },
  {
    name: "task-review",
    sources: ["tasks_mine", "commitments_list"],
    sent: /task review/,
    scripted: /Overdue \(1\)[\s\S]*HOME-1/,
  },
];

/** Runs the three jobs; returns how many did not give what is expected. */
export async function playJobs(stage: Stage, sources: Sources, out: (line: string) => void): Promise<number> {
  let failures = 0;
  for (const step of steps) {
    const outcome = await runJob(stage, step.name, out);
    const rows = outcome.runId === null ? [] : await auditRows(stage.sql, outcome.runId);
    const wrong = problems(step, outcome, rows, stage.standIn !== undefined);
    if (step.name === "weekly-digest" && sources.unread.size > 0) wrong.push("the entries were not marked as read");
    for (const problem of wrong) out(`  UNEXPECTED: ${problem}`);
    if (wrong.length > 0) failures += 1;
    out("");
  }
  out(`${steps.length - failures} of ${steps.length} jobs gave what is expected.`);
  return failures;
}

function problems(step: Step, { state, replies }: JobOutcome, rows: readonly AuditRow[], scripted: boolean): string[] {
  const wrong: string[] = [];
  const sent = replies.join("\n");
  if (state !== "done") wrong.push(`the job is ${state}`);
  if (!step.sent.test(sent)) wrong.push("what was sent is another");
  if (scripted && !step.scripted.test(sent)) wrong.push(`what was sent is not ${step.scripted}`);
  const asked = rows.findIndex(({ type }) => type === "llm.requested");
  const called = rows.slice(0, asked).filter(({ type }) => type === "tool.requested");
  const read = called.map(({ tool, decision }) => `${tool} ${decision}`).sort();
  if (
    read.join() !==
    step.sources
      .map((tool) => `${tool} allow`)
      .sort()
      .join()
  )
    wrong.push(`read before the model was asked: ${read.join(", ") || "nothing"}`);
  return wrong;
}
