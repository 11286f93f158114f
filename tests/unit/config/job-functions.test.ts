import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { jobFunctions } from "../../../functions/agents/index.ts";
import type { ToolFacts } from "../../../lib/config/tool-facts.ts";
import { context } from "../agents/support.ts";
import { load, problemsOf, tools as builtin, valid } from "./support.ts";

const fact = (name: string, service?: ToolFacts["service"]): ToolFacts => ({
  name,
  labels: [],
  ...(service && { service }),
});
const known = [
  fact("alerts_list", "alerts"),
  fact("calendar_agenda", "calendar"),
  fact("feeds_unread", "feeds"),
  fact("tasks_mine", "tasks"),
  ...builtin.filter(({ name }) => !/^(alerts|calendar|feeds|tasks)_/.test(name)),
];

const token = { OPENCLAW_TOKEN: "t".repeat(32) };
const config = (job: string, more = ""): string => `
[listen]
token = { env = "OPENCLAW_TOKEN" }
${valid.replace('tools = ["commitments_*"]', 'tools = ["*"]')}
${more}
[jobs.it]
agent = "ops"
schedule = "0 8 * * *"
deliver = ["telegram:123456789"]
${job}
`;
const alerts = '[tools.alerts]\nurl = "http://127.0.0.1:9093"';
const problems = (t: TestContext, job: string, more?: string): string[] =>
  problemsOf(t, config(job, more), token, known);

test("a job whose function has none of its sources among its tools is told which to add", (t) => {
  assert.deepEqual(problems(t, 'function = "briefing"\ntools = ["time_now"]'), [
    'jobs.it.tools: has nothing that "briefing" reads; add "alerts_list" or "calendar_agenda"',
  ]);
  assert.deepEqual(problems(t, 'function = "digest"'), [
    'jobs.it.tools: has nothing that "digest" reads; add "feeds_unread"',
  ]);
});

test("a job none of whose sources is set up is told which service to set up", (t) => {
  assert.deepEqual(problems(t, 'function = "briefing"\ntools = ["alerts_list", "calendar_agenda"]'), [
    'jobs.it.tools: nothing that "briefing" reads is set up; add [tools.alerts] or [tools.calendar]',
  ]);
});

test("one source is enough", (t) => {
  const job = 'function = "briefing"\ntools = ["alerts_*", "calendar_agenda"]';
  assert.ok(load(t, config(job, alerts), token, known).jobs.get("it"));
  const review = 'function = "review"\ntools = ["commitments_list"]\nfor = "telegram:123456789"';
  assert.equal(load(t, config(review), token, known).jobs.get("it")?.for, "telegram:123456789");
});

test("a job that reads commitments says whose", (t) => {
  for (const tools of ['["commitments_list"]', '["commitments_*"]'])
    assert.deepEqual(problems(t, `function = "review"\ntools = ${tools}`), [
      'jobs.it.for: is missing, and a job has no commitments of its own; say whose they are: for = "matrix:@name:server" or "telegram:123456789"',
    ]);
});

test("a job reads the things of somebody in a group", (t) => {
  assert.deepEqual(problems(t, 'function = "review"\ntools = ["commitments_list"]\nfor = "telegram:5"'), [
    'jobs.it.for: no group has the member "telegram:5"; name a member of one, or add them to one',
  ]);
});

test("what the checks take for the functions' sources is what those read", (t) => {
  for (const [name, of] of jobFunctions) {
    if (name === "report") continue;
    const [problem = ""] = problems(t, `function = "${name}"`);
    const told = [...problem.matchAll(/"([a-z]+_[a-z_]+)"/g)].map(([, tool]) => tool);
    assert.deepEqual(told, [...new Set(of.sources(context()).map(({ tool }) => tool))]);
  }
});
