import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { loadWorld, world, worldTools } from "../policy/support.ts";
import { load, problemsOf, valid } from "./support.ts";

const opsRoom = "matrix:!ops:home.example";

/** The problems of `world` with further keys of its agent and further sections. */
const problems = (t: TestContext, agent = "", extra = ""): string[] =>
  problemsOf(t, world(agent, extra), {}, worldTools);

test("a config with every key of the policy loads", (t) => {
  const config = loadWorld(
    t,
    `ask = ["tickets_close"]
calls = ["helper"]
when_tainted = { act = "ask", egress = "deny" }`,
    `[groups.desk]
rooms = ["${opsRoom}", "telegram:-100123"]
agents = ["ops"]
tools = ["time_now"]
trusted = false
[rooms."${opsRoom}"]
tools = ["*"]
deny = ["mail_*"]
[agents.helper]
description = "d"
backend = "main"
prompt = "ops.md"
[agents.ops.arguments."commitments_*"]
text = { max_length = 100, pattern = "[a-z ]+", named = true, unmet = "ask" }`,
  );
  assert.deepEqual(config.rooms.get(opsRoom), { tools: ["*"], deny: ["mail_*"] });
  assert.equal(config.rooms.get("constructor"), undefined);
  assert.equal(config.toolFacts.length, worldTools.length);
});

test("left out, the keys of the policy change nothing: what loaded before loads", (t) => {
  const agent = load(t, valid).agents.get("ops");
  assert.deepEqual([agent?.ask, agent?.calls, agent?.when_tainted, agent?.arguments], [[], [], {}, {}]);
  const group = load(t, valid).groups.get("owners");
  assert.deepEqual([group?.rooms, group?.trusted, group?.approve], [[], true, false]);
});

test("a group with rooms, or without members, has no approvers", (t) => {
  assert.deepEqual(problems(t, "", `[groups.desk]\nrooms = ["${opsRoom}"]\napprove = true\n`), [
    "groups.desk.approve: would let whoever is in its rooms approve; name the approvers in a group without rooms",
  ]);
  assert.deepEqual(problems(t, "", "[groups.desk]\napprove = true\n"), [
    "groups.desk.approve: has nobody who could approve; name people, by full id, in groups.desk.members",
  ]);
});

test("GHSA-49cg-279w-m73x: what asks needs somebody who may answer", (t) => {
  const fix = 'write approve = true in a group with members that names ops, or write "deny"';
  const nobody = (agent: string, extra = ""): string[] =>
    problemsOf(t, world(agent, extra).replace("\napprove = true", ""), {}, worldTools);
  assert.deepEqual(nobody('when_tainted = { act = "ask", egress = "ask" }'), [
    `agents.ops.when_tainted.act: asks, but nobody may approve calls of ops; ${fix}`,
    `agents.ops.when_tainted.egress: asks, but nobody may approve calls of ops; ${fix}`,
  ]);
  assert.match(nobody('ask = ["tickets_*"]').join(), /^agents\.ops\.ask: asks, but nobody .*, or remove it$/);
  assert.match(
    nobody("", '[agents.ops.arguments.feed_read]\nx = { one_of = ["y"], unmet = "ask" }\n').join(),
    /^agents\.ops\.arguments\.feed_read\.x\.unmet: asks, but nobody/,
  );
  const elsewhere = '[groups.others]\nmembers = ["telegram:5"]\nagents = []\napprove = true\n';
  assert.equal(nobody('ask = ["tickets_*"]', elsewhere).length, 1);
});

test("an agent that may read strangers and private data never acts or sends unasked", (t) => {
  assert.deepEqual(problems(t, 'when_tainted = { act = "allow" }'), [
    'agents.ops.when_tainted.act: lets one run read strangers\' words (web_get) and private data (commitments_list) and then act (commitments_add) unasked; write "ask" or "deny", or take one of the three from agents.ops.tools',
  ]);
  assert.match(
    problems(t, 'when_tainted = { egress = "allow" }').join(),
    /^agents\.ops\.when_tainted\.egress: lets one run read .* and then send \(web_get\) unasked; write "ask" or "deny"/,
  );
  for (const missing of [
    'deny = ["commitments_*", "history_*", "tickets_read"]',
    'deny = ["web_get", "tickets_read", "feed_read"]',
    'deny = ["commitments_add", "commitments_complete", "files_send", "mail_send", "tickets_close"]',
  ])
    loadWorld(t, `${missing}\nwhen_tainted = { act = "allow" }`);
});

test("people of an untrusted group, and whoever is in a group's room, bring strangers' words as a tool does", (t) => {
  const reading = 'deny = ["web_get", "tickets_read", "feed_read"]\nwhen_tainted = { act = "allow" }';
  for (const group of ['members = ["telegram:5"]\ntrusted = false', `rooms = ["${opsRoom}"]`])
    assert.match(
      problems(t, reading, `[groups.desk]\n${group}\nagents = ["ops"]\n`).join(),
      /^agents\.ops\.when_tainted\.act: lets one run read strangers' words \(groups\.desk\)/,
    );
});

test("a tool that sends data out needs a list of where to", (t) => {
  const open = world().replace(/\[agents\.ops\.arguments\.mail_send\]\n.*\n/, "");
  assert.deepEqual(problemsOf(t, open, {}, worldTools), [
    'agents.ops.tools: "mail_send" sends data out, and nothing says where to; list hosts or one_of for the argument that says where, in [agents.ops.arguments.mail_send], or deny the tool in agents.ops.deny',
  ]);
  load(t, open.replace('tools = ["*"]\n\n', 'tools = ["*"]\ndeny = ["mail_send"]\n'), {}, worldTools);
  const bounded = worldTools.map((tool) => (tool.name === "mail_send" ? { ...tool, bounded: true } : tool));
  load(t, open, {}, bounded);
  const ungranted = open.replace('tools = ["*"]\napprove', 'tools = ["time_now", "web_get"]\napprove');
  load(t, ungranted, {}, worldTools);
});

test("calls name other agents there are", (t) => {
  assert.deepEqual(
    problems(
      t,
      'calls = ["ops", "hleper"]',
      '[agents.helper]\ndescription = "d"\nbackend = "main"\nprompt = "ops.md"\n',
    ),
    [
      "agents.ops.calls[0]: an agent cannot call itself; name another one or remove it",
      'agents.ops.calls[1]: no agent is named "hleper"; did you mean "helper"? Agents: ops, helper',
    ],
  );
});

test("a glob of ask, rooms or arguments that covers no tool is a mistake", (t) => {
  const found = problems(
    t,
    'ask = ["tikets_*"]',
    `[rooms."${opsRoom}"]\ntools = ["time_nwo"]\ndeny = ["mial_*"]\n[agents.ops.arguments."web_gte"]\nurl = { max_length = 9 }\n`,
  );
  assert.deepEqual(
    found.map((problem) => problem.split(";")[0]),
    [
      `rooms."${opsRoom}".tools[0]: "time_nwo" is no tool there is`,
      `rooms."${opsRoom}".deny[0]: "mial_*" is no tool there is`,
      'agents.ops.ask[0]: "tikets_*" is no tool there is',
      'agents.ops.arguments.web_gte: "web_gte" is no tool there is',
    ],
  );
  assert.match(found.join(), /did you mean "tickets_\*"/);
});

test("a rule names an argument that a tool has, where its schema is known, and demands something", (t) => {
  const rule = (of: string): string[] => problems(t, "", `[agents.ops.arguments.${of}\n`);
  assert.deepEqual(rule("tickets_read]\ndi = { max_length = 9 }"), [
    'agents.ops.arguments.tickets_read.di: "tickets_read" has no such argument; Arguments: id',
  ]);
  assert.deepEqual(rule('"tickets_*"]\nid = { named = false }'), [
    'agents.ops.arguments."tickets_*".id: demands nothing; give it hosts, one_of, pattern, max_length or named = true',
  ]);
  // Anything may stand below headers, and feed_read's schema is not known.
  const loose = '"headers.x-token" = { max_length = 9 }\n[agents.ops.arguments.feed_read]\nwhatever = { named = true }';
  loadWorld(t, "", `[agents.ops.arguments."web_*"]\n${loose}\n`);
});

test("keys that are not of their form are refused with key and fix", (t) => {
  for (const [extra, problem] of [
    [
      '[rooms."!ops:home.example"]\ndeny = ["*"]',
      /^rooms\."!ops:home\.example": this name must be a room: "matrix:!room/,
    ],
    ['[rooms."telegram:100"]\ndeny = ["*"]', /^rooms\."telegram:100": this name must be a room/],
    ['[groups.desk]\nrooms = ["matrix:#ops:home.example"]', /^groups\.desk\.rooms\[0\]: must be a room/],
    [
      "[agents.ops.arguments.feed_read]\nx = { pattern = '(a+)+' }",
      /^agents\.ops\.arguments\.feed_read\.x\.pattern: repeats a group/,
    ],
    ['[agents.ops.arguments.feed_read]\nx = { hosts = ["https://home.example"] }', /x\.hosts\[0\]: must be a host/],
    [
      '[agents.ops.arguments.feed_read]\nx = { host = ["home.example"] }',
      /x\.host: unknown key; did you mean "hosts"\?/,
    ],
    ['[agents.ops.arguments."feed-*"]\nx = { named = true }', /"feed-\*": this name must be a tool, a family/],
    ['[agents.ops.arguments.feed_read]\n"a..b" = { named = true }', /"a\.\.b": this name must be an argument/],
    ["[agents.ops.arguments.feed_read]\n__proto__ = { named = true }", /__proto__: __proto__ cannot be a key/],
  ] as const)
    assert.match(problems(t, "", extra).join("\n"), problem);
  assert.match(problems(t, 'when_tainted = { act = "maybe" }').join(), /must be one of "allow", "ask", "deny"/);
});

test("the policy's hash covers all that decides, and the tools' labels", (t) => {
  const hash = (toml: string, known = worldTools): string => load(t, toml, {}, known).policyHash;
  const base = hash(world());
  assert.equal(hash(`${world()}\n[tools.history]\n`), base);
  for (const other of [
    world('ask = ["tickets_*"]'),
    world("", `[rooms."${opsRoom}"]\ndeny = ["*"]`),
    world("", "[agents.ops.arguments.feed_read]\nx = { named = true }"),
    world().replace("approve = true", "approve = true\ntrusted = false"),
    `${world()}\n[approvals]\nexpires_minutes = 5\n`,
  ])
    assert.notEqual(hash(other), base, other);
  const relabelled = worldTools.map((tool) =>
    tool.name === "time_now" ? { ...tool, labels: ["private" as const] } : tool,
  );
  assert.notEqual(hash(world(), relabelled), base);
});
