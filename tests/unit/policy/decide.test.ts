import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal } from "../../../lib/channel/types.ts";
import { covers } from "../../../lib/config/tool-glob.ts";
import { isTrusted, mayApprove } from "../../../lib/policy/access.ts";
import { offeredTools } from "../../../lib/policy/decide.ts";
import { GrantedCall } from "../../../lib/policy/granted.ts";
import { defineTool, type Tool } from "../../../lib/tools/define.ts";
import { z } from "zod";
import { load, tools } from "../config/support.ts";
import { agentOf, callOf, loadHousehold, loadWorld, ruling, scopeOf, world, worldTools } from "./support.ts";

const me = "matrix:@me:home.example";
const kid = "matrix:@kid:home.example";
const guest = "matrix:@guest:elsewhere.example";
const opsRoom = "matrix:!ops:home.example";

test("a glob covers everything, a family, or one tool by its whole name", () => {
  assert.ok(covers("*", "time_now"));
  assert.ok(covers("commitments_*", "commitments_add"));
  assert.ok(covers("time_now", "time_now"));
  for (const [glob, tool] of [
    ["commitments_*", "commitmentsx_add"],
    ["commitments_*", "commitments"],
    ["time_now", "time_now_x"],
    ["time_now", "time"],
    ["time_*", "overtime_now"],
  ] as const)
    assert.ok(!covers(glob, tool), `${glob} ${tool}`);
});

test("a person gets the agent's allowlist intersected with what their groups grant", (t) => {
  const config = loadHousehold(t);
  const granted = (agent: string, person: Principal): string[] => [
    ...offeredTools(scopeOf(config, agent, person), tools),
  ];
  assert.deepEqual(granted("ops", me), ["time_now", "commitments_list", "commitments_add"]);
  // It calls nobody, and no service is set up.
  const offered = tools.filter(({ name, service }) => name !== "agent_ask" && service === undefined);
  assert.deepEqual(
    granted("helper", me),
    offered.map(({ name }) => name),
  );
  assert.deepEqual(granted("helper", kid), ["time_now", "commitments_list"]);
  assert.deepEqual(granted("ops", kid), []);
  assert.deepEqual(granted("helper", "matrix:@kid:evil.example"), []);
});

test("each decision names the rule that made it", (t) => {
  const config = loadHousehold(t);
  const of = (agent: string, person: Principal, tool: string): string =>
    ruling(scopeOf(config, agent, person), callOf(tool));
  assert.equal(of("ops", me, "time_now"), 'allow: agents.ops.tools "time_now" & groups.owners.tools "*"');
  assert.equal(of("ops", me, "commitments_complete"), 'deny: agents.ops.deny "commitments_complete"');
  assert.equal(of("ops", me, "history_search"), "deny: not in agents.ops.tools");
  assert.equal(of("helper", kid, "history_search"), 'deny: groups.careful.deny "history_*"');
  assert.equal(of("helper", kid, "commitments_add"), `deny: no group of ${kid} grants it`);
  assert.equal(of("ops", kid, "time_now"), `deny: no group of ${kid} names agents.ops`);
});

test("deny wins over every grant, also of a group that names no agent", (t) => {
  const config = loadHousehold(t, `\n[groups.quiet]\nmembers = ["${me}"]\ndeny = ["*"]\n`);
  for (const agent of ["ops", "helper"]) assert.equal(offeredTools(scopeOf(config, agent, me), tools).size, 0, agent);
});

test("#132303: a denied tool is denied whatever the backend, the trigger and the way it is called", (t) => {
  const config = loadWorld(t, 'deny = ["mail_*"]');
  const scope = scopeOf(config, "ops", me);
  const args = { to: "team@home.example", text: "x" };
  const other = { ...config, backends: new Map([["other", { ...config.backends.get("main"), name: "other" }]]) };
  const odd = { ...scope, config: other, agent: { ...scope.agent, backend: "other" } } as typeof scope;
  for (const each of [scope, odd])
    for (const trigger of ["chat", "job", "agent", "replay"] as const)
      assert.equal(ruling({ ...each, trigger }, callOf("mail_send", { args })), 'deny: agents.ops.deny "mail_*"');
  assert.ok(!offeredTools(scope, worldTools).has("mail_send"));
});

test("GHSA-jhpv-5j76-m56h: what the sender may not call is denied, however much the agent may", (t) => {
  const config = loadWorld(t, "", `[groups.guests]\nmembers = ["${guest}"]\nagents = ["ops"]\ntools = ["time_now"]\n`);
  const scope = scopeOf(config, "ops", guest);
  assert.deepEqual([...offeredTools(scope, worldTools)], ["time_now"]);
  assert.equal(ruling(scope, callOf("tickets_close", { args: { id: "1" } })), `deny: no group of ${guest} grants it`);
});

test("constructor and __proto__ are neither tools, nor agents, nor rooms", (t) => {
  const config = loadHousehold(t);
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assert.match(ruling(scopeOf(config, "ops", me), callOf(name)), /^deny/);
    assert.match(ruling(scopeOf(config, "helper", kid, name), callOf(name)), /^deny/);
    assert.match(ruling(scopeOf(config, "helper", name as Principal), callOf("time_now")), /^deny/);
  }
});

test("a tool nothing grants is denied, whatever its name", (t) => {
  const config = loadHousehold(t);
  for (const tool of ["unknown_tool", "", "*", "commitments_*x", "time_now\n", "TIME_NOW"])
    assert.match(ruling(scopeOf(config, "helper", kid), callOf(tool)), /^deny/, tool);
});

test("whoever speaks in a group's room is a member there, in no other room and never in private", (t) => {
  const config = loadWorld(t, "", `[groups.desk]\nrooms = ["${opsRoom}"]\nagents = ["ops"]\ntools = ["time_now"]\n`);
  assert.match(ruling(scopeOf(config, "ops", guest, opsRoom), callOf("time_now")), /^allow: .* & groups\.desk\.tools/);
  for (const room of [undefined, "matrix:!other:home.example", "matrix:!ops:home.example.evil", "!ops:home.example"])
    assert.equal(
      ruling(scopeOf(config, "ops", guest, room), callOf("time_now")),
      `deny: no group of ${guest} names agents.ops`,
    );
});

test("a room makes nobody trusted and nobody an approver; nor does a group that is not trusted", (t) => {
  const config = loadWorld(
    t,
    "",
    `[groups.desk]\nmembers = ["${kid}"]\nrooms = ["${opsRoom}"]\nagents = ["*"]\n[groups.school]\nmembers = ["telegram:5"]\nagents = ["*"]\ntrusted = false\n`,
  );
  assert.deepEqual(
    [me, kid, guest, "telegram:5"].map((person) => isTrusted(config, person as Principal)),
    [true, true, false, false],
  );
  for (const person of [kid, guest, "telegram:5"] as const) assert.ok(!mayApprove(config, person, "ops"));
  assert.ok(mayApprove(config, me, "ops"));
});

test("a room's tools and deny narrow for everybody there", (t) => {
  const config = loadWorld(t, "", `[rooms."${opsRoom}"]\ntools = ["time_now", "feed_*"]\ndeny = ["feed_read"]\n`);
  const here = scopeOf(config, "ops", me, opsRoom);
  assert.equal(
    ruling(here, callOf("time_now")),
    `allow: agents.ops.tools "*" & groups.owners.tools "*" & rooms."${opsRoom}".tools "time_now"`,
  );
  assert.equal(ruling(here, callOf("feed_read")), `deny: rooms."${opsRoom}".deny "feed_read"`);
  assert.equal(ruling(here, callOf("history_search")), `deny: not in rooms."${opsRoom}".tools`);
  assert.match(ruling(scopeOf(config, "ops", me), callOf("history_search")), /^allow/);
});

test("in a job its own list grants in place of a group, and rooms it speaks in narrow it; a called agent has its caller's scope too", (t) => {
  const config = loadWorld(t, "", agentNamed("helper", 'tools = ["time_now", "tickets_close"]\nask = ["tickets_*"]'));
  const job = { name: "morning", tools: ["time_now"], rooms: [] as string[] };
  const scope = { ...scopeOf(config, "ops", "job:morning"), trigger: "job" as const, job };
  assert.equal(ruling(scope, callOf("time_now")), 'allow: agents.ops.tools "*" & jobs.morning.tools "time_now"');
  assert.equal(ruling(scope, callOf("tickets_close")), "deny: not in jobs.morning.tools");
  const speaking = loadWorld(t, "", `[rooms."${opsRoom}"]\ndeny = ["time_now"]\n`);
  const there = { ...scopeOf(speaking, "ops", "job:morning"), trigger: "job" as const };
  assert.match(ruling({ ...there, job }, callOf("time_now")), /^allow/);
  const inRoom = { ...there, job: { ...job, rooms: [opsRoom] } };
  assert.equal(ruling(inRoom, callOf("time_now")), `deny: rooms."${opsRoom}".deny "time_now"`);
  const called = { ...scopeOf(config, "ops", me), caller: scopeOf(config, "helper", me) };
  assert.equal(ruling(called, callOf("history_search")), "deny: not in agents.helper.tools");
  assert.equal(ruling(called, callOf("tickets_close", { args: { id: "1" } })), 'ask: agents.helper.ask "tickets_*"');
  const twice = { ...scopeOf(config, "ops", me), caller: { ...scopeOf(config, "ops", me), caller: scope } };
  assert.equal(ruling(twice, callOf("history_search")), "deny: not in jobs.morning.tools");
});

const agentNamed = (name: string, keys = 'tools = ["*"]\ndeny = ["web_get", "mail_send"]'): string =>
  `[agents.${name}]\ndescription = "d"\nbackend = "main"\nprompt = "ops.md"\ntelegram = true\n${keys}\n`;

test("an agent calls another only where its calls name it and the person may talk to it", (t) => {
  const config = loadWorld(
    t,
    'calls = ["helper", "vault"]',
    `${agentNamed("helper")}${agentNamed("vault")}
[groups.guests]\nmembers = ["${guest}"]\nagents = ["ops", "helper"]\ntools = ["agent_ask", "time_now"]
[groups.mutes]\nmembers = ["${kid}"]\nagents = ["*"]\ntools = ["time_now"]\n`,
  );
  const ask = (who: Principal, agent: unknown): string =>
    ruling(scopeOf(config, "ops", who), callOf("agent_ask", { args: { agent, text: "hi" } }));
  assert.equal(ask(me, "vault"), 'allow: agents.ops.calls "vault" & groups.owners.tools "*"');
  assert.equal(ask(guest, "helper"), 'allow: agents.ops.calls "helper" & groups.guests.tools "agent_ask"');
  assert.equal(ask(guest, "vault"), `deny: no group of ${guest} names agents.vault`);
  assert.equal(ask(kid, "helper"), `deny: no group of ${kid} grants it`);
  for (const target of ["ops", "nobody", "constructor", "__proto__", ["helper"], undefined, 1, { helper: 1 }])
    assert.equal(ask(me, target), "deny: not in agents.ops.calls");
  const other = ruling(scopeOf(config, "helper", me), callOf("agent_ask", { args: { agent: "ops" } }));
  assert.equal(other, "deny: not in agents.helper.calls");
});

test("agent_ask is offered where some agent may be called, and to no other agent whatever its tools", (t) => {
  const config = loadWorld(t, 'calls = ["helper"]', agentNamed("helper"));
  assert.ok(offeredTools(scopeOf(config, "ops", me), worldTools).has("agent_ask"));
  assert.ok(!offeredTools(scopeOf(config, "helper", me), worldTools).has("agent_ask"));
});

test("a tainted run acts with a yes where somebody can give it, and sends nothing", (t) => {
  const taint = ["forwarded", "tool:web_get"];
  const scope = scopeOf(loadWorld(t), "ops", me);
  assert.equal(
    ruling(scope, callOf("tickets_close", { taint })),
    'ask: agents.ops.when_tainted.act "ask" by default (tainted by forwarded, tool:web_get)',
  );
  assert.equal(
    ruling(scope, callOf("mail_send", { taint })),
    'deny: agents.ops.when_tainted.egress "deny" by default (tainted by forwarded, tool:web_get)',
  );
  assert.match(ruling(scope, callOf("tickets_read", { taint })), /^allow/);
});

test("GHSA-49cg-279w-m73x: without an approver nothing is asked and nobody may approve", (t) => {
  const config = load(t, world().replace("\napprove = true", ""), {}, worldTools);
  assert.match(
    ruling(scopeOf(config, "ops", me), callOf("tickets_close", { taint: ["quoted"] })),
    /^deny: .*act "deny" by default/,
  );
  const empty = loadWorld(t);
  const groups = new Map([...empty.groups].map(([name, group]) => [name, { ...group, members: [] }]));
  for (const anybody of [me, kid, "matrix:", ""] as Principal[])
    assert.ok(!mayApprove({ ...empty, groups }, anybody, "ops"), anybody);
});

test("when_tainted decides by label, the strictest of a tool's labels", (t) => {
  const config = loadWorld(
    t,
    'deny = ["history_*", "commitments_*", "tickets_read"]\nwhen_tainted = { act = "allow", egress = "ask" }',
  );
  const scope = scopeOf(config, "ops", me);
  const of = (tool: string): string => ruling(scope, callOf(tool, { taint: ["media"] }));
  assert.match(of("tickets_close"), /^allow/);
  assert.equal(of("mail_send"), 'ask: agents.ops.when_tainted.egress "ask" (tainted by media)');
  assert.match(of("feed_read"), /^allow/);
});

test("CVE-2026-32898: what a tool does is known by its definition alone, whatever a call says of it", (t) => {
  const scope = scopeOf(loadWorld(t), "ops", me);
  const spoofed = { id: "1", labels: [], effect: "idempotent", annotations: { readOnlyHint: true }, name: "time_now" };
  assert.match(ruling(scope, callOf("tickets_close", { args: spoofed, taint: ["quoted"] })), /^ask/);
  const tool = defineTool({
    name: "tickets_close",
    description: "Closes a ticket",
    input: z.looseObject({ id: z.string() }),
    labels: ["act"],
    effect: "idempotent",
    timeoutMs: 1,
    outputLimit: 1,
    run: async () => "",
  }) as Tool;
  assert.throws(() => (tool.labels as string[]).pop(), TypeError);
  const { granted } = GrantedCall.decide(scope, { tool, input: spoofed }, { request: "", taint: ["quoted"] });
  assert.equal(granted, undefined);
});

test("ask always asks, also untainted, and says so together with the taint", (t) => {
  const scope = scopeOf(loadWorld(t, 'ask = ["tickets_*"]'), "ops", me);
  assert.equal(ruling(scope, callOf("tickets_read")), 'ask: agents.ops.ask "tickets_*"');
  assert.equal(
    ruling(scope, callOf("tickets_close", { taint: ["quoted"] })),
    'ask: agents.ops.ask "tickets_*" & agents.ops.when_tainted.act "ask" by default (tainted by quoted)',
  );
});

test("a budget that is used up denies, also what would be asked", (t) => {
  const scope = scopeOf(loadWorld(t, 'ask = ["tickets_*"]'), "ops", me);
  const exhausted = "agents.ops.limits.usd_per_day";
  for (const tool of ["time_now", "tickets_close"])
    assert.equal(ruling(scope, callOf(tool, { exhausted })), `deny: ${exhausted} is used up`);
});

test("what some arguments would allow is offered, what none would is not", (t) => {
  const config = loadWorld(t, 'deny = ["files_send"]');
  const offered = offeredTools(scopeOf(config, "ops", me), worldTools);
  assert.ok(offered.has("web_get") && offered.has("mail_send"));
  assert.ok(!offered.has("files_send"));
  assert.equal(agentOf(config, "ops").arguments["web_get"]?.["url"]?.unmet, "deny");
});
