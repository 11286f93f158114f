import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOf, valid } from "./support.ts";

/** Title, what is replaced in the valid config, by what, and the one problem that gives. */
const cases: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "an unknown backend is named with the nearest one and the list",
    'backend = "main"',
    'backend = "mian"',
    /^agents\.ops\.backend: no backend is named "mian"; did you mean "main"\? Backends: main$/,
  ],
  [
    "an unknown key is named with the nearest key of its place",
    "members =",
    "memebrs =",
    /^groups\.owners\.memebrs: unknown key; did you mean "members"\? In \[groups\.owners\]: members, agents, tools, deny, limits, rooms, trusted, approve$/,
  ],
  [
    "an unknown section is named with the nearest one",
    "[groups.owners]",
    "[group.x]\n[groups.owners]",
    /^group: unknown key; did you mean "groups"\? At the top level: timezone, /,
  ],
  [
    "a literal secret is refused with the form to write, and is not repeated",
    '{ env = "LLM_API_KEY" }',
    '"sk-canary"',
    /^backends\.main\.api_key: holds the secret itself; never put a secret in this file: .* write api_key = \{ env = "BACKENDS_MAIN_API_KEY" \}(?!.*canary)/,
  ],
  [
    "a secret written as the name of a variable is refused and is not repeated",
    '{ env = "LLM_API_KEY" }',
    '{ env = "sk-canary" }',
    /^backends\.main\.api_key\.env: must be the NAME of a variable, never the secret itself; (?!.*canary)/,
  ],
  [
    "a password inside a URL is refused and is not repeated",
    "https://llm.example/v1",
    "https://me:canary@llm.example/v1",
    /^backends\.main\.base_url: must be an http.* without user or password in it(?!.*canary)/,
  ],
  [
    "a missing variable is named with how to set it",
    '"LLM_API_KEY"',
    '"LLM_KEY"',
    /^backends\.main\.api_key: the environment variable LLM_KEY is not set; set LLM_KEY=… in the service's env_file$/,
  ],
  [
    "a missing secret file is named",
    '{ env = "LLM_API_KEY" }',
    '{ file = "/nowhere/key" }',
    /^backends\.main\.api_key: there is no file \/nowhere\/key; put the secret there, alone$/,
  ],
  [
    "a directory as secret file is named",
    '{ env = "LLM_API_KEY" }',
    '{ file = "/" }',
    /^backends\.main\.api_key: \/ cannot be read \(EISDIR\)/,
  ],
  [
    "a missing key says what it means",
    'model = "some-model"',
    "",
    /^backends\.main\.model: is missing; add it: The model's name at that endpoint\.$/,
  ],
  [
    "a missing secret shows its form",
    'token = { env = "TELEGRAM_TOKEN" }',
    "",
    /^telegram\.home\.token: is missing; add token = \{ env = "TELEGRAM_HOME_TOKEN" \}/,
  ],
  [
    "a value of another type says which is wanted",
    "telegram = true",
    'telegram = "yes"',
    /^agents\.ops\.telegram: must be true or false, not text; it means: Whether the agent can be reached/,
  ],
  [
    "a value outside its list shows the list",
    'model = "some-model"',
    'model = "m"\napi = "chats"',
    /^backends\.main\.api: must be one of "chat", "responses"; /,
  ],
  [
    "a time that no timer can hold is refused",
    'model = "some-model"',
    'model = "some-model"\ntimeout_seconds = 2200000',
    /^backends\.main\.timeout_seconds: must be at most 86400; /,
  ],
  [
    "a number out of range shows the bound",
    "[matrix]",
    "[media]\nmax_image_mb = 99\n[matrix]",
    /^media\.max_image_mb: must be at most 20; /,
  ],
  [
    "a fraction where a whole number is wanted is refused",
    "[matrix]",
    "[tools.history]\ndays = 1.5\n[matrix]",
    /^tools\.history\.days: must be a whole number, not a number with a fraction; /,
  ],
  ["an empty text is refused", 'model = "some-model"', 'model = ""', /^backends\.main\.model: must not be empty; /],
  [
    "a name that is no name is refused",
    "[groups.owners]",
    "[groups.Own_ers]",
    /^groups\.Own_ers: this name must be lower-case .*; rename it$/,
  ],
  [
    "CVE-2026-28480: a Telegram username is refused as a member",
    "telegram:123456789",
    "telegram:@someone",
    /^groups\.owners\.members\[1\]: must be a full id: .*usernames can be recycled/,
  ],
  [
    "CVE-2026-28471: a bare localpart is refused as a member",
    "matrix:@me:home.example",
    "matrix:@me",
    /^groups\.owners\.members\[0\]: must be a full id/,
  ],
  [
    "an unknown agent of a group is named",
    'agents = ["*"]',
    'agents = ["opps"]',
    /^groups\.owners\.agents\[0\]: no agent is named "opps"; did you mean "ops"\? Agents: ops$/,
  ],
  [
    "a granted tool that is none is named",
    'tools = ["*"]',
    'tools = ["time_noww"]',
    /^groups\.owners\.tools\[0\]: "time_noww" is no tool there is; did you mean "time_now"\? Tools: time_now, /,
  ],
  [
    "a family that covers no tool is named",
    '["commitments_*"]',
    '["commitment_*"]',
    /^agents\.ops\.tools\[0\]: "commitment_\*" is no tool there is; did you mean "commitments_\*"\?/,
  ],
  [
    "a denied tool that is none is named, since a typing error would grant it",
    'tools = ["*"]',
    'tools = ["*"]\ndeny = ["history_serch"]',
    /^groups\.owners\.deny\[0\]: "history_serch" is no tool there is; did you mean "history_search"/,
  ],
  [
    "a prompt that is not there is named",
    '"ops.md"',
    '"opps.md"',
    /^agents\.ops\.prompt: there is no file \/.*opps\.md; /,
  ],
  [
    "a localpart outside the namespace is refused",
    "agent_ops",
    "ops",
    /^agents\.ops\.matrix\.localpart: "ops" is outside .*; begin it with "agent_" \(matrix\.namespace\), as in "agent_ops"$/,
  ],
  [
    "a localpart that is the service's own user is refused",
    'server_name = "home.example"',
    'server_name = "home.example"\nsender_localpart = "agent_ops"',
    /^agents\.ops\.matrix\.localpart: is matrix\.sender_localpart/,
  ],
  [
    "a bot's agent must exist",
    'agent = "ops"',
    'agent = "oops"',
    /^telegram\.home\.agent: no agent is named "oops"; did you mean "ops"/,
  ],
  [
    "a bot's agent must be on Telegram",
    "telegram = true",
    "telegram = false",
    /^telegram\.home\.agent: agents\.ops is not on Telegram; write telegram = true in \[agents\.ops\]$/,
  ],
  [
    "a limit in money is refused where a fallback has no price, with both ways out",
    'model = "some-model"\n',
    'model = "some-model"\nprice = { input = 1, output = 2 }\nfallback = ["spare"]\n[budget]\nmoney_per_day = 5\n[backends.spare]\nbase_url = "http://127.0.0.1:8000/v1"\nmodel = "m"\n',
    /^backends\.spare\.price: is missing, but budget\.money_per_day limits money and agents\.ops may use this backend; add price = .* or set budget\.unknown_price = "allow"$/,
  ],
  [
    "an agent's limit in money for one run is refused without a price",
    "telegram = true\n",
    "telegram = true\nlimits = { money_per_run = 0.1 }\n",
    /^backends\.main\.price: is missing, but agents\.ops\.limits\.money_per_run limits money/,
  ],
  [
    "a group's limit in money is refused without a price",
    "[agents.ops]\n",
    "[groups.owners.limits]\nmoney_per_day = 2\n[agents.ops]\n",
    /^backends\.main\.price: is missing, but groups\.owners\.limits\.money_per_day limits money/,
  ],
  [
    "a limit of nothing is refused",
    "telegram = true\n",
    "telegram = true\nlimits = { money_per_day = 0 }\n",
    /^agents\.ops\.limits\.money_per_day: must be more than 0/,
  ],
  [
    "an operator that is neither person, room nor chat is refused",
    "\n[backends.main]",
    'operator = "@me"\n[backends.main]',
    /^operator: must be a principal, a Matrix room/,
  ],
  [
    "a time zone that is none is refused",
    "\n[backends.main]",
    'timezone = "Berlin"\n[backends.main]',
    /^timezone: must be an IANA time zone/,
  ],
  [
    "both listeners on one port are refused",
    "[matrix]",
    '[listen]\npublic = "0.0.0.0:8081"\n[matrix]',
    /^listen\.private: is the same port as listen\.public; give it its own/,
  ],
  [
    "a port past 65535 is refused",
    "[matrix]",
    '[listen]\npublic = "0.0.0.0:99999"\n[matrix]',
    /^listen\.public: must have a port up to 65535/,
  ],
  [
    "a fallback that does not exist is named",
    'model = "some-model"',
    'model = "m"\nfallback = ["local"]',
    /^backends\.main\.fallback\[0\]: no backend is named "local"; Backends: main$/,
  ],
  [
    "a fallback to itself is refused",
    'model = "some-model"',
    'model = "m"\nfallback = ["main"]',
    /^backends\.main\.fallback\[0\]: a backend cannot fall back to itself/,
  ],
];

for (const [title, from, to, expected] of cases)
  test(title, (t) => {
    assert.ok(valid.includes(from));
    const problems = problemsOf(t, valid.replace(from, to));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
  });
