import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAccess, renderAccess } from "../../../lib/policy/describe.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";
import { load, tools, valid } from "../config/support.ts";
import { loadHousehold } from "./support.ts";

test("access lists each person once an agent, by the groups that name it", (t) => {
  const [ops, helper] = describeAccess(loadHousehold(t));
  assert.deepEqual(
    ops?.people.map(({ who, groups }) => [who, groups]),
    [
      ["matrix:@me:home.example", ["owners"]],
      ["telegram:123456789", ["owners"]],
    ],
  );
  // It calls nobody, nobody may approve here, and there is no service.
  const possible = tools.filter(({ name, asks, service }) => name !== "agent_ask" && !asks && !service);
  assert.deepEqual(
    helper?.people.map(({ who, groups, granted }) => [who, groups, granted.length]),
    [
      ["matrix:@me:home.example", ["owners", "family"], possible.length],
      ["matrix:@kid:home.example", ["family"], 2],
    ],
  );
});

test("the table shows channels, people and tools, and denials only when asked for", (t) => {
  const config = loadHousehold(t);
  const access = describeAccess(config);
  const lines = renderAccess(config, access, false);
  assert.ok(lines.includes("  Matrix    @agent_ops:home.example: direct chats"));
  assert.ok(lines.includes('  Telegram  bot "home" (answers first): private chats'));
  assert.ok(lines.includes("  matrix:@kid:home.example  family          Matrix  time_now commitments_list"));
  assert.ok(!lines.join("\n").includes("denied"));
  assert.match(
    renderAccess(config, access, true).join("\n"),
    / {4}denied history_search {8}groups\.careful\.deny "history_\*"/,
  );
});

test("a container's private listener on every interface is as it must be", (t) => {
  const config = load(t, `${valid}\n[listen]\nprivate = "0.0.0.0:8081"\n`);
  const [plain, podman] = [{}, { container: "podman" }].map((values) =>
    configWarnings(config, new Environment(values)),
  );
  assert.deepEqual([plain, podman], [[everyInterface], []]);
});

test("an agent nobody may talk to is shown as such and warned of", (t) => {
  const config = load(t, valid.replace('agents = ["*"]', ""));
  assert.ok(renderAccess(config, describeAccess(config), false).includes("  Nobody may talk to it."));
  assert.deepEqual(configWarnings(config), [
    "nobody may talk to agents.ops: name it in a group whose members share its channel",
  ]);
});

const everyInterface = "listen.private listens on every interface: publish its port on 127.0.0.1 only";

test("what is valid but hardly meant is warned of", (t) => {
  const config = load(
    t,
    valid
      .slice(0, valid.indexOf("[matrix]"))
      .replace("telegram = true\n", "")
      .replace(/^matrix = .*$/m, "")
      .concat('[groups.empty]\nagents = ["ops"]\n[listen]\nprivate = "0.0.0.0:8081"\n'),
  );
  assert.deepEqual(configWarnings(config), [
    "groups.owners names matrix:@me:home.example, but there is no [matrix]",
    "groups.owners names telegram:123456789, but there is no [telegram.NAME]",
    "groups.empty has no members",
    "agents.ops is on no channel: add matrix = { … } or telegram = true",
    everyInterface,
  ]);
  assert.deepEqual(configWarnings(load(t, valid.replace('"agent_ops"', '"agent_ops", direct = false'))), [
    "agents.ops is on Matrix but joins nothing: name rooms or set direct = true",
  ]);
});
