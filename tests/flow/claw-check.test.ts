import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { compileCache } from "../support/compile-cache.ts";
import { configDirectory, secrets, valid } from "../unit/config/support.ts";

const root = join(import.meta.dirname, "../..");
const claw = join(root, "functions/claw.ts");

/** Runs claw with nothing in its environment but `env`. */
function run(
  args: readonly string[],
  env: Record<string, string> = {},
): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [claw, ...args], {
    ...{ cwd: root, env: { ...compileCache, ...env } },
    encoding: "utf8",
  });
  return { code: status, out: stdout, err: stderr };
}

test("claw check prints who may talk to each agent and which tools that gives", () => {
  const { code, out, err } = run(["check", "--config", "openclaw.example.toml"], secrets);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.match(out, /^ops: Watches the homelab$/m);
  assert.match(out, /^ {2}matrix:@kid:home\.example +family +Matrix +time_now commitments_list commitments_add$/m);
  assert.match(out, /^openclaw\.example\.toml is valid: 2 agents, 2 groups, 3 backends, \d+ tools\.$/m);
  assert.ok(!out.includes("denied") && !out.includes("canary"));
});

test("claw --version tells its own and Node's", () => {
  const { code, out } = run(["--version"]);
  assert.equal(code, 0);
  assert.match(out, /^claw \d+\.\d+\.\d+, Node 24\.\d+\.\d+\n$/);
});

test("claw check --verbose adds what is denied with the rule", () => {
  const { out } = run(["--config", "openclaw.example.toml", "check", "--verbose"], secrets);
  assert.match(out, /^ {4}denied commitments_complete +groups\.family\.deny "commitments_complete"$/m);
});

test("claw check knows own tools and those of MCP servers, and names the file of a tool without labels", (t) => {
  const server = '[mcp.disk]\ncommand = ["disk"]\n[mcp.disk.tools.read]\nlabels = ["private"]\neffect = "idempotent"';
  const granted = valid.replace('tools = ["commitments_*"]', 'tools = ["own_do", "disk_*"]');
  const { directory, file } = configDirectory(t, `tools_dir = "own"\n${granted}\n${server}`);
  mkdirSync(join(directory, "own"));
  const write = (labels: string): void =>
    writeFileSync(
      join(directory, "own/do.ts"),
      `export default ({ defineTool, z }) => defineTool({ name: "own_do", description: "Does.", input: z.strictObject({}),
        ${labels} effect: "idempotent", timeoutMs: 1, outputLimit: 1, run: async () => "" });`,
    );
  write("labels: [],");
  const env = { ...secrets, TELEGRAM_WEBHOOK_SECRET: "canary_webhook_secret" };
  const { out, err } = run(["check", "--config", file], env);
  assert.equal(err, "");
  assert.match(out, /^ {2}telegram:123456789 +owners +Telegram +own_do disk_read$/m);
  write("");
  const refused = run(["check", "--config", file], env);
  assert.equal(refused.code, 1);
  assert.equal(
    refused.err.trim(),
    `${directory}/own/do.ts: tool "own_do": it needs labels (an empty list says it is harmless)`,
  );
});

test("claw check --no-secrets needs none", () => {
  const { code, out } = run(["check", "--no-secrets"], { OPENCLAW_CONFIG: "openclaw.example.toml" });
  assert.equal(code, 0);
  assert.match(out, /is valid \(secrets not read\)/);
});

test("claw check exits 1 with one line a problem, without stack or secret", (t) => {
  const { file } = configDirectory(t, valid.replace('backend = "main"', 'backend = "mian"'));
  const { code, out, err } = run(["check", "--config", file], { ...secrets, TELEGRAM_WEBHOOK_SECRET: "canary" });
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.deepEqual(err.trim().split("\n"), [
    `${file}: agents.ops.backend: no backend is named "mian"; did you mean "main"? Backends: main`,
    `${file}: telegram.home.webhook_secret: is shorter than 16 characters; make one with \`openssl rand -hex 32\`, then run \`claw telegram set-webhook\``,
  ]);
});

test("claw check prints warnings and exits 0", (t) => {
  const { file } = configDirectory(t, `${valid}[groups.empty]\n`);
  const { code, out } = run(["check", "--config", file], secrets);
  assert.equal(code, 0);
  assert.match(out, /^warning: groups\.empty has no members$/m);
});

test("claw check says how to begin where there is no config", () => {
  const { code, err } = run(["check", "--config", "/nowhere/openclaw.toml"]);
  assert.equal(code, 1);
  assert.match(err, /^\/nowhere\/openclaw\.toml: there is no such file; make one with `claw init`.*\n$/);
});

test("claw keys new prints a key that claw check takes, and its hint beside it", (t) => {
  const { code, out, err } = run(["keys", "new"]);
  assert.equal(code, 0);
  assert.match(out, /^[A-Za-z0-9+/]{43}=\n$/);
  assert.match(err, /OPENCLAW_KEY=/);
  const { file } = configDirectory(t, valid);
  assert.equal(run(["check", "--config", file], { ...secrets, OPENCLAW_KEY: out.trim() }).code, 0);
});

test("claw schema prints a JSON Schema", () => {
  const schema = JSON.parse(run(["schema"]).out) as { title: string; properties: Record<string, unknown> };
  assert.equal(schema.title, "OpenClaw: openclaw.toml");
  assert.ok("agents" in schema.properties);
});

test("claw is executable, and names its commands or the wrong one", () => {
  assert.ok(statSync(claw).mode & 0o100);
  const { code, out } = run(["--help"]);
  assert.equal(code, 0);
  for (const command of ["check", "policy", "schema", "keys", "telegram", "matrix"])
    assert.match(out, new RegExp(`^  ${command} `, "m"));
  const wrong = run(["chekc"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /unknown command 'chekc'/);
});

test("a secret from a file is never printed, whatever is wrong", (t) => {
  const { directory, file } = configDirectory(t, "");
  const secret = join(directory, "hook");
  writeFileSync(secret, "canary with spaces");
  writeFileSync(file, valid.replace('{ env = "TELEGRAM_WEBHOOK_SECRET" }', `{ file = "${secret}" }`));
  const { code, err } = run(["check", "--config", file], secrets);
  assert.equal(code, 1);
  assert.match(err, /telegram\.home\.webhook_secret: may hold only/);
  assert.ok(!err.includes("canary"));
});

test("whoever reads the output may stop reading, as head does; what was cut off does not count as done", async () => {
  const argv = [claw, "check", "--config", "openclaw.example.toml"];
  const child = spawn(process.execPath, argv, { cwd: root, env: secrets, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const closed = once(child, "close");
  assert.equal(await text(child.stderr), "");
  assert.deepEqual(await closed, [141, null]);
});
