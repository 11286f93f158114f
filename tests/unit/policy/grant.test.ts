import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal } from "../../../lib/channel/types.ts";
import { covers } from "../../../lib/config/tool-glob.ts";
import { decideTool, grantedTools } from "../../../lib/policy/grant.ts";
import { tools } from "../config/support.ts";
import { agentOf, loadHousehold } from "./support.ts";

const me = "matrix:@me:home.example";
const kid = "matrix:@kid:home.example";

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
    ...grantedTools(config, agentOf(config, agent), person, tools),
  ];
  assert.deepEqual(granted("ops", me), ["time_now", "commitments_list", "commitments_add"]);
  assert.deepEqual(granted("helper", me), [...tools]);
  assert.deepEqual(granted("helper", kid), ["time_now", "commitments_list"]);
  assert.deepEqual(granted("ops", kid), []);
  assert.deepEqual(granted("helper", "matrix:@kid:evil.example"), []);
});

test("each decision names the rule that made it", (t) => {
  const config = loadHousehold(t);
  const decide = (agent: string, person: Principal, tool: string): string => {
    const { decision, rule } = decideTool(config, agentOf(config, agent), person, tool);
    return `${decision}: ${rule}`;
  };
  assert.equal(decide("ops", me, "time_now"), 'allow: agents.ops.tools "time_now" & groups.owners.tools "*"');
  assert.equal(decide("ops", me, "commitments_complete"), 'deny: agents.ops.deny "commitments_complete"');
  assert.equal(decide("ops", me, "history_search"), "deny: not in agents.ops.tools");
  assert.equal(decide("helper", kid, "history_search"), 'deny: groups.careful.deny "history_*"');
  assert.equal(decide("helper", kid, "commitments_add"), `deny: no group of ${kid} grants it`);
  assert.equal(decide("ops", kid, "time_now"), `deny: no group of ${kid} names agents.ops`);
});

test("deny wins over every grant, also of a group that names no agent", (t) => {
  const config = loadHousehold(t, `\n[groups.quiet]\nmembers = ["${me}"]\ndeny = ["*"]\n`);
  for (const agent of ["ops", "helper"])
    assert.equal(grantedTools(config, agentOf(config, agent), me, tools).size, 0, agent);
});

test("constructor and __proto__ are not tools, even where all tools are granted", (t) => {
  const config = loadHousehold(t);
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty"];
  assert.deepEqual(
    names.filter((name) => grantedTools(config, agentOf(config, "helper"), me, tools).has(name)),
    [],
  );
  for (const name of names) assert.equal(decideTool(config, agentOf(config, "ops"), me, name).decision, "deny", name);
});

test("a tool nothing grants is denied, whatever its name", (t) => {
  const config = loadHousehold(t);
  for (const tool of ["unknown_tool", "", "*", "commitments_*x", "time_now\n", "TIME_NOW"])
    assert.equal(decideTool(config, agentOf(config, "helper"), kid, tool).decision, "deny", tool);
});
