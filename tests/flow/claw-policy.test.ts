import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { compileCache } from "../support/compile-cache.ts";
import { configDirectory, valid } from "../unit/config/support.ts";

const claw = join(import.meta.dirname, "../../functions/claw.ts");

const config = `${valid
  .replace('tools = ["*"]', 'tools = ["*"]\napprove = true')
  .replace('tools = ["commitments_*"]', 'tools = ["commitments_*", "time_now"]\ndeny = ["commitments_complete"]')}
[agents.ops.arguments.commitments_add]
text = { named = true }

[rooms."matrix:!ops:home.example"]
deny = ["time_now"]
`;

/** Runs `claw policy` without a single secret in its environment. */
function policy(t: TestContext, ...args: string[]): { code: number | null; out: string; err: string } {
  const { file } = configDirectory(t, config);
  const argv = [claw, "policy", ...args, "--config", file];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { env: compileCache, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

const me = ["--as", "telegram:123456789"] as const;

test("claw policy explain prints the decision with its rule, and exits 0, 3 or 4 by it", (t) => {
  const allow = policy(t, "explain", "ops", ...me, "--tool", "time_now");
  assert.deepEqual(allow, { code: 0, out: 'allow: agents.ops.tools "time_now" & groups.owners.tools "*"\n', err: "" });
  const ask = policy(t, "explain", "ops", ...me, "--tool", "commitments_add", "--tainted");
  assert.equal(ask.code, 3);
  assert.equal(ask.out, 'ask: agents.ops.when_tainted.act "ask" by default (tainted by --tainted)\n');
  const deny = policy(t, "explain", "ops", ...me, "--tool", "time_now", "--in", "matrix:!ops:home.example");
  assert.equal(deny.code, 4);
  assert.equal(deny.out, 'deny: rooms."matrix:!ops:home.example".deny "time_now"\n');
});

test("claw policy explain decides on arguments, with what the person wrote", (t) => {
  const add = ["explain", "ops", ...me, "--tool", "commitments_add", "--args", '{"text":"water the plants"}'];
  assert.deepEqual(policy(t, ...add), {
    code: 4,
    out: "deny: agents.ops.arguments.commitments_add.text.named is not met\n",
    err: "",
  });
  assert.equal(policy(t, ...add, "--request", "Remind me to water the plants.").code, 0);
});

test("claw policy explain without a tool lists all of them and exits 0; --json is for programs", (t) => {
  const { code, out } = policy(t, "explain", "ops", ...me);
  assert.equal(code, 0);
  assert.match(out, /^TOOL +DECISION +RULE\n/);
  assert.match(out, /^commitments_complete +deny +agents\.ops\.deny "commitments_complete"$/m);
  const json = JSON.parse(policy(t, "explain", "ops", "--as", "telegram:7", "--json").out) as {
    taint: string[];
    decisions: { tool: string; decision: string; rule: string }[];
  };
  assert.deepEqual(json.taint, ["person:telegram:7"]);
  const stranger = json.decisions.filter(({ rule }) => !/^tools\.\w+ is not set up$/.test(rule));
  assert.ok(stranger.length > 0 && stranger.every(({ rule }) => rule === "no group of telegram:7 names agents.ops"));
});

test("claw policy explain names what it does not understand, with exit code 1", (t) => {
  for (const [args, message] of [
    [["explain", "opz", ...me], /^no agent is named "opz"; did you mean "ops"\?/],
    [["explain", "constructor", ...me], /^no agent is named "constructor"/],
    [["explain", "ops", "--as", "me"], /^--as must be a full id/],
    [["explain", "ops", ...me, "--in", "#ops"], /^--in must be a room/],
    [["explain", "ops", ...me, "--tool", "time_nwo"], /^no tool is named "time_nwo"; did you mean "time_now"\?/],
    [["explain", "ops", ...me, "--args", "{}"], /^--args are those of one tool/],
    [["explain", "ops", ...me, "--tool", "time_now", "--args", "{"], /^--args is not valid JSON/],
    [["explain", "ops", ...me, "--tool", "time_now", "--args", "[]"], /^--args must be a JSON object/],
    [["explain", "ops"], /say who asks: either --as PRINCIPAL or --job NAME/],
  ] as const) {
    const { code, err } = policy(t, ...args);
    assert.equal(code, 1, args.join(" "));
    assert.match(err, message);
  }
});

test("claw policy matrix prints agents, groups and tools with the rule of two", (t) => {
  const { code, out } = policy(t, "matrix");
  assert.equal(code, 0);
  assert.match(out, /^AGENT +GROUP +TOOL +LABELS +UNTAINTED +TAINTED +RULE OF TWO$/m);
  assert.match(out, /^ops +owners +time_now .* 2 of 3 \(private, act or egress\); tainted: act "ask" by default$/m);
  assert.match(out, /^ops +owners +commitments_add +private,act +allow\* +ask\*$/m);
  const blocks = JSON.parse(policy(t, "matrix", "--json").out) as { agent: string; tools: unknown[] }[];
  assert.deepEqual(
    blocks.map(({ agent }) => agent),
    ["ops"],
  );
});
