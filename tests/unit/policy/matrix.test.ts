import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, taintOf } from "../../../lib/policy/explain.ts";
import { type MatrixBlock, policyMatrix, renderMatrix } from "../../../lib/policy/matrix.ts";
import { agentOf, callOf, loadWorld, ruling, scopeOf } from "./support.ts";

const guests = `[groups.guests]
members = ["telegram:5"]
agents = ["ops"]
tools = ["time_now", "tickets_*"]
trusted = false
[groups.idle]
members = ["telegram:6"]
agents = []
tools = ["*"]
`;

const block = (blocks: readonly MatrixBlock[], group: string): MatrixBlock => {
  const found = blocks.find((each) => each.group === group);
  assert.ok(found);
  return found;
};
const verdicts = ({ tools }: MatrixBlock, tool: string): (string | undefined)[] => {
  const found = tools.find((each) => each.tool === tool);
  return [found?.untainted?.decision, found?.tainted.decision];
};

test("every agent, group and tool is decided before and after taint", (t) => {
  const config = loadWorld(t, 'ask = ["tickets_close"]', guests);
  const blocks = policyMatrix(config);
  assert.deepEqual(
    blocks.map(({ agent, group, tools }) => [agent, group, tools.length]),
    ["owners", "guests", "idle"].map((group) => ["ops", group, config.toolFacts.length]),
  );
  const owners = block(blocks, "owners");
  assert.deepEqual(verdicts(owners, "time_now"), ["allow", "allow"]);
  assert.deepEqual(verdicts(owners, "tickets_close"), ["ask", "ask"]);
  assert.deepEqual(verdicts(owners, "commitments_add"), ["allow", "ask"]);
  assert.deepEqual(verdicts(owners, "web_get"), ["allow", "deny"]);
  assert.deepEqual(verdicts(block(blocks, "guests"), "tickets_read"), [undefined, "allow"]);
  assert.ok(block(blocks, "idle").tools.every(({ tainted }) => tainted.decision === "deny"));
});

test("the matrix says the same as the decision on each real member", (t) => {
  const config = loadWorld(t, 'deny = ["files_send"]', guests);
  for (const { agent, group, tools } of policyMatrix(config))
    for (const principal of config.groups.get(group)?.members ?? [])
      for (const { tool, tainted } of tools) {
        const scope = scopeOf(config, agent, principal as "telegram:1");
        assert.equal(ruling(scope, callOf(tool, { taint: ["x"] })).split(":")[0], tainted.decision, `${group} ${tool}`);
      }
});

test("the rule of two names the legs an agent has for a group, and what holds the third", (t) => {
  const blocks = policyMatrix(loadWorld(t, "", guests));
  const { legs } = block(blocks, "owners");
  assert.deepEqual(legs.untrusted, ["web_get", "tickets_read", "feed_read"]);
  assert.ok(legs.private.includes("history_search"));
  assert.deepEqual(
    legs.held.map(({ rule }) => rule),
    ['agents.ops.when_tainted.act "ask" by default', 'agents.ops.when_tainted.egress "deny" by default'],
  );
  assert.equal(block(blocks, "guests").legs.untrusted[0], "groups.guests");
  assert.deepEqual(block(blocks, "idle").legs, { untrusted: [], private: [], actOrEgress: [], held: [] });
});

test("the table lists what is granted, with the rule of two on the first line of each agent and group", (t) => {
  const lines = renderMatrix(policyMatrix(loadWorld(t, 'ask = ["time_now"]', guests)));
  assert.match(lines[0] ?? "", /^AGENT +GROUP +TOOL +LABELS +UNTAINTED +TAINTED +RULE OF TWO$/);
  assert.match(
    lines[1] ?? "",
    /^ops +owners +time_now +- +ask +ask +3 of 3 \(untrusted, private, act or egress\); tainted: act "ask" by default, egress "deny" by default$/,
  );
  assert.ok(lines.some((line) => /^ops +owners +web_get +untrusted,egress +allow\* +deny$/.test(line)));
  assert.ok(lines.some((line) => /^ops +guests +tickets_read +untrusted,private +- +allow$/.test(line)));
  assert.ok(!lines.join("\n").includes("idle"));
  assert.deepEqual(renderMatrix([]), ["Nobody is granted any tool."]);
});

test("an explanation is the decision a chat of that person would get", (t) => {
  const config = loadWorld(t, "", guests);
  const tool = config.toolFacts.find(({ name }) => name === "tickets_close");
  assert.ok(tool);
  const question = {
    agent: agentOf(config, "ops"),
    principal: "telegram:5",
    room: undefined,
    tainted: false,
    request: "",
  } as const;
  assert.deepEqual(taintOf(config, question), ["person:telegram:5"]);
  assert.match(
    explain(config, question, tool, undefined).rule,
    /act "ask" by default \(tainted by person:telegram:5\)/,
  );
  assert.equal(explain(config, { ...question, principal: "telegram:123456789" }, tool, undefined).decision, "allow");
});
