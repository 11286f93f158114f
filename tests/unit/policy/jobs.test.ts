import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Config } from "../../../lib/config/config.ts";
import { jobBudget } from "../../../lib/policy/budget.ts";
import { describeAccess, renderAccess } from "../../../lib/policy/describe.ts";
import { explain } from "../../../lib/policy/explain.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";
import { load, problemsOf, valid } from "../config/support.ts";

const briefing = `[listen]
token = { env = "OPENCLAW_TOKEN" }
[tools.alerts]
url = "http://127.0.0.1:9093"
[jobs.brief]
agent = "ops"
function = "briefing"
schedule = "0 8 * * 1-5"
tools = ["alerts_list", "commitments_add"]
deliver = ["matrix:!ops:home.example", "telegram:123456789"]
`;
const withJob = (more = ""): string =>
  `${valid
    .replace('localpart = "agent_ops"', 'localpart = "agent_ops", rooms = ["!ops:home.example"]')
    .replace('tools = ["commitments_*"]', 'tools = ["commitments_*", "alerts_*"]')}\n${briefing}${more}`;

function ruling(config: Config, name: string, tainted = false): string {
  const [agent, job] = [config.agents.get("ops"), config.jobs.get("brief")];
  const tool = config.toolFacts.find((each) => each.name === name);
  if (!agent || !job || !tool) throw new Error("not there");
  const who = { agent, job, principal: "job:brief" as const, room: undefined };
  const { decision, rule } = explain(config, { ...who, tainted, request: "" }, tool, undefined);
  return `${decision}: ${rule}`;
}

const warningsOf = (t: TestContext, more: string): string[] =>
  configWarnings(load(t, withJob(more))).filter((warning) => warning.startsWith("jobs."));

test("a job is explained by its own list, and nothing of it is a stranger's until it has read", (t) => {
  const config = load(t, withJob());
  assert.equal(ruling(config, "alerts_list"), 'allow: agents.ops.tools "alerts_*" & jobs.brief.tools "alerts_list"');
  assert.equal(ruling(config, "commitments_list"), "deny: not in jobs.brief.tools");
  assert.match(ruling(config, "commitments_add"), /^allow/);
  assert.match(ruling(config, "commitments_add", true), /^(ask|deny): agents\.ops\.when_tainted\.act/);
});

test("claw check lists an agent's jobs with when, where and what", (t) => {
  const config = load(t, withJob());
  const lines = renderAccess(config, describeAccess(config), false).map((line) => line.trim().split(/ {2,}/));
  assert.ok(
    lines.some(
      (cells) =>
        cells.join("|") ===
        `brief|0 8 * * 1-5 (${config.timezone})|matrix:!ops:home.example telegram:123456789|commitments_add alerts_list`,
    ),
    JSON.stringify(lines),
  );
});

test("a source that a room of the job takes away is a warning with the rule", (t) => {
  assert.deepEqual(warningsOf(t, ""), []);
  assert.deepEqual(warningsOf(t, '[rooms."matrix:!ops:home.example"]\ndeny = ["alerts_*"]\n'), [
    'jobs.brief is to read alerts_list and may not (deny: rooms."matrix:!ops:home.example".deny "alerts_*"): it will do without',
  ]);
});

test("a room that its agent is not let into by config is a warning", (t) => {
  const elsewhere = withJob().replace(
    '"matrix:!ops:home.example", "telegram',
    '"matrix:!other:home.example", "telegram',
  );
  assert.match(
    configWarnings(load(t, elsewhere)).join("\n"),
    /^jobs\.brief delivers to matrix:!other:home\.example, which/m,
  );
});

test("a job has a budget of a day, and its limit in money needs prices", (t) => {
  const limited = withJob("[jobs.brief.limits]\ntokens_per_day = 500\n");
  const job = load(t, limited).jobs.get("brief");
  assert.deepEqual(job && jobBudget(job, "2026-11-24"), [
    {
      scope: "job:brief",
      period: "2026-11-24",
      limits: [{ unit: "tokens", most: 500, key: "jobs.brief.limits.tokens_per_day" }],
    },
  ]);
  const money = problemsOf(t, withJob("[jobs.brief.limits]\nmoney_per_day = 1\n")).join();
  assert.match(money, /^backends\.main\.price: is missing, but jobs\.brief\.limits\.money_per_day limits money/);
});
