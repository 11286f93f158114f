import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallFacts, decide } from "../../../lib/policy/decide.ts";
import { ruleKind } from "../../../lib/policy/rule-kind.ts";
import { callOf, loadHousehold, loadWorld, scopeOf } from "./support.ts";

const me = "matrix:@me:home.example";
const kid = "matrix:@kid:home.example";

test("the rule of every denial the policy makes has its kind", (t) => {
  const household = loadHousehold(t);
  const world = loadWorld(t);
  const kindOf = (scope: ReturnType<typeof scopeOf>, call: CallFacts): string => {
    const { decision, rule } = decide(scope, call);
    assert.equal(decision, "deny", rule);
    return ruleKind(rule);
  };
  const ops = scopeOf(world, "ops", me);
  assert.equal(kindOf(scopeOf(household, "ops", kid), callOf("time_now")), "grant");
  assert.equal(kindOf(scopeOf(household, "ops", me), callOf("commitments_complete")), "grant");
  const url = "https://elsewhere.example/ is used up";
  assert.equal(kindOf(ops, callOf("web_get", { args: { url } })), "argument");
  assert.equal(kindOf(ops, callOf("web_get", { taint: ["forwarded", "tool:web_get"] })), "taint");
  assert.equal(kindOf(ops, callOf("feed_read", { exhausted: "agents.ops.limits.tokens_per_run" })), "limit");
  const asking = { ...callOf("feed_read"), tool: { name: "unlock_door", labels: [], asks: true } };
  assert.equal(kindOf(scopeOf(household, "helper", me), asking), "unasked");
});

test("so have those that a run makes itself", () => {
  assert.equal(ruleKind("no tool has this name"), "no_tool");
  assert.equal(ruleKind('agents.ops.ask "tickets_*", and nobody is asked'), "unasked");
  assert.equal(ruleKind('agents.ops.ask "tickets_*", and nobody is asked here'), "unasked");
  assert.equal(ruleKind("a job may not answer itself"), "grant");
});
