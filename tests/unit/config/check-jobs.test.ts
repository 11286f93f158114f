import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { ToolFacts } from "../../../lib/config/tool-facts.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";
import { load, problemsOf, tools, valid } from "./support.ts";

/** What reads and what acts, so that jobs have something to name. */
const known: readonly ToolFacts[] = [
  ...tools,
  { name: "weather_today", labels: ["untrusted"], arguments: ["town"] },
  { name: "lights_set", labels: ["act"], arguments: ["room"] },
];

const secrets = { OPENCLAW_TOKEN: "canary-job-token-0123456789abcdef01" };

const token = `[listen]\ntoken = { env = "OPENCLAW_TOKEN" }\n`;

const report = `agent = "ops"
schedule = "0 8 * * 1-5"
prompt = "ops.md"
tools = ["weather_today"]
sources = [{ tool = "weather_today" }]
deliver = ["telegram:123456789"]
`;

/** A config whose one job is `report` after a change; the agent may use all that a test knows. */
const withJob = (change: (job: string) => string = (job) => job, listen = token): string =>
  `${valid.replace('tools = ["commitments_*"]', 'tools = ["weather_*", "lights_set", "commitments_list"]\ndeny = ["lights_set"]')}\n${listen}\n[jobs.brief]\n${change(report)}`;

const problems = (t: TestContext, toml: string): string[] => problemsOf(t, toml, secrets, known);

test("a job that could run loads, with the zone and the prompt that it has by default", (t) => {
  const config = load(t, withJob(), secrets, known);
  const job = config.jobs.get("brief");
  assert.deepEqual(
    [job?.name, job?.timezone, job?.prompt, job?.catch_up, job?.retries, job?.quiet_if_empty],
    ["brief", config.timezone, "You watch the homelab.", "latest", 3, true],
  );
  assert.deepEqual(configWarnings(config), []);
});

/** Title, the change of the job, and the one problem that gives. */
const cases: readonly (readonly [string, (job: string) => string, RegExp])[] = [
  [
    "an unknown agent is named with the nearest one",
    (job) => job.replace('"ops"', '"opps"'),
    /^jobs\.brief\.agent: no agent is named "opps"; did you mean "ops"\? Agents: ops$/,
  ],
  [
    "a tool that there is not is named with the nearest one",
    (job) => job.replace('["weather_today"]', '["weather_today", "weather_todya"]'),
    /^jobs\.brief\.tools\[1\]: "weather_todya" is no tool there is; did you mean "weather_today"\?/,
  ],
  [
    "a tool that its agent has not is told",
    (job) => job.replace('["weather_today"]', '["weather_today", "time_now"]'),
    /^jobs\.brief\.tools\[1\]: agents\.ops has no tool "time_now"; add it to agents\.ops\.tools, or remove it here$/,
  ],
  [
    "a tool that its agent is denied is told",
    (job) => job.replace('["weather_today"]', '["weather_today", "lights_set"]'),
    /^jobs\.brief\.tools\[1\]: agents\.ops has no tool "lights_set"/,
  ],
  [
    "a source that changes something is refused",
    (job) => job.replace('{ tool = "weather_today" }', '{ tool = "lights_set" }'),
    /^jobs\.brief\.sources\[0\]\.tool: "lights_set" changes something, and sources only read; name one that reads$/,
  ],
  [
    "a source that is none of its tools is told",
    (job) => job.replace('tools = ["weather_today"]\n', ""),
    /^jobs\.brief\.sources\[0\]\.tool: "weather_today" is not among the job's tools; add it to jobs\.brief\.tools$/,
  ],
  [
    "a function with sources of its own takes no others",
    (job) =>
      `function = "review"\n${job.replace('tools = ["weather_today"]', 'tools = ["weather_today", "commitments_list"]\nfor = "telegram:123456789"')}`,
    /^jobs\.brief\.sources: "review" has sources of its own; remove it, or write function = "report"$/,
  ],
  [
    "a report without prompt has nothing to say",
    (job) => job.replace('prompt = "ops.md"\n', ""),
    /^jobs\.brief\.prompt: is missing; /,
  ],
  [
    "a schedule that never occurs is refused",
    (job) => job.replace("0 8 * * 1-5", "0 8 30 2 *"),
    /^jobs\.brief\.schedule: names no day that there is; look at its day and its month$/,
  ],
  [
    "a schedule of another form is refused with the form to write",
    (job) => job.replace("0 8 * * 1-5", "every day"),
    /^jobs\.brief\.schedule: must have five fields: minute, hour, day, month, weekday, such as "0 8 \* \* 1-5"/,
  ],
  [
    "a zone that systemd would not know is refused",
    (job) => `timezone = "europe/berlin"\n${job}`,
    /^jobs\.brief\.timezone: must be an IANA time zone such as "Europe\/Berlin"/,
  ],
  [
    "an offset is no zone",
    (job) => `timezone = "+02:00"\n${job}`,
    /^jobs\.brief\.timezone: must be an IANA time zone such as "Europe\/Berlin"/,
  ],
  [
    "a catch-up of another form is refused with the forms there are",
    (job) => `catch_up = "all"\n${job}`,
    /^jobs\.brief\.catch_up: must be "latest", "none" or \{ within_hours = 6 \}/,
  ],
  [
    "a place that is there twice is told",
    (job) => job.replace("deliver = [", 'deliver = ["telegram:123456789", '),
    /^jobs\.brief\.deliver\[1\]: is there twice; remove one$/,
  ],
  [
    "a bot that there is not is named with the list",
    (job) => `bot = "work"\n${job}`,
    /^jobs\.brief\.bot: no bot is named "work"; Bots: home$/,
  ],
];
for (const [title, change, problem] of cases)
  test(title, (t) => {
    const found = problems(t, withJob(change));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", problem);
  });

test("places want their channel", (t) => {
  const telegram = valid.slice(valid.indexOf("[telegram.home]"));
  assert.deepEqual(problems(t, withJob().replace(telegram, "").replace("telegram = true\n", "")), [
    "jobs.brief.deliver[0]: is on Telegram but there is no bot; add [telegram.NAME], or name a Matrix room",
  ]);
  const toRoom = withJob((job) => job.replace("telegram:123456789", "matrix:!ops:home.example"));
  assert.deepEqual(problems(t, toRoom.replace('matrix = { localpart = "agent_ops" }\n', "")), [
    "jobs.brief.deliver[0]: agents.ops is not on Matrix; add [agents.ops.matrix], or name a Telegram chat",
  ]);
});

test("jobs need the token by which they are asked for", (t) => {
  assert.match(
    problems(t, withJob(undefined, "")).join("\n"),
    /^listen\.token: is missing, and jobs are asked for with it; /,
  );
});

test("a job that is due more often than every five minutes is warned of", (t) => {
  const warnings = (schedule: string): string[] =>
    configWarnings(
      load(
        t,
        withJob((job) => job.replace("0 8 * * 1-5", schedule)),
        secrets,
        known,
      ),
    );
  assert.deepEqual(warnings("*/2 8 * * *"), [
    "jobs.brief is due 2 minutes after it was: each time its sources are read and its model may be asked",
  ]);
  assert.match(warnings("* * * * *").join("\n"), /^jobs\.brief is due a minute after it was: /);
  assert.deepEqual(warnings("*/5 * * * *"), []);
});

test("of HTTP Basic both halves are needed, and calendars are at least one", (t) => {
  const service = (toml: string): string[] => problems(t, `${valid}\n${toml}`);
  assert.deepEqual(service('[tools.alerts]\nurl = "http://am:9093"\nuser = "me"\n'), [
    "tools.alerts.password: is missing, user is there; add it",
  ]);
  assert.deepEqual(
    service('[tools.calendar.calendars.home]\nurl = "http://dav:5232"\npassword = { env = "LLM_API_KEY" }\n'),
    ["tools.calendar.calendars.home.user: is missing, password is there; add it"],
  );
  assert.deepEqual(service("[tools.calendar]\ncalendars = {}\n"), [
    "tools.calendar.calendars: has no calendar; add [tools.calendar.calendars.NAME] with url",
  ]);
});
