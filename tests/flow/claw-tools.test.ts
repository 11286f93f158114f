import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { claw as runClaw, type ClawResult } from "../support/claw.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { configDirectory, secrets, valid } from "../unit/config/support.ts";

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const config = valid.replace(
  'tools = ["commitments_*"]',
  'tools = ["commitments_*", "time_now", "schedule_propose", "shelf_*"]',
);

/** Runs `claw tools` over a config, with a database or without. */
const claw = (file: string, argv: readonly string[], env: Record<string, string> = {}): Promise<ClawResult> =>
  runClaw({ ...secrets, ...env }, "tools", ...argv, "--config", file);

/** The config with tools of the operator's own. */
function withOwn(t: TestContext, toml = config): string {
  const { file } = configDirectory(t, `tools_dir = "tools"\n${toml}`);
  const folder = join(dirname(file), "tools");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeFileSync(
    join(folder, "shelf.ts"),
    `export default ({ defineTool, z }) => defineTool({
      name: "shelf_read", description: "Reads the shelf", input: z.strictObject({ row: z.int().positive() }),
      labels: ["untrusted"], effect: "idempotent", timeoutMs: 1000, outputLimit: 40,
      async run({ row }, { principal }) {
        if (row === 9) throw new Error("the shelf has no row 9");
        return { text: \`row \${row} for \${principal}\\n\\u001b[2Jcleared \${"x".repeat(50)}\`, data: { row } };
      },
    });\n`,
    { mode: 0o644 },
  );
  return file;
}

const approving = (toml: string): string => toml.replace('tools = ["*"]', 'tools = ["*"]\napprove = true');

test("claw tools list prints labels, effect, what is asked for and what service is set up, without a secret or a database", async (t) => {
  const { file } = configDirectory(t, approving(config.replace(', "shelf_*"', "")));
  const { code, out, errors } = await claw(file, ["list"], { OPENCLAW_KEY: "" });
  assert.deepEqual([code, errors], [0, ""]);
  assert.match(out, /^TOOL +LABELS +EFFECT +ASKS +SERVICE\n/);
  assert.match(out, /^commitments_add +private act +keyed +- +-$/m);
  assert.match(out, /^schedule_propose +private act +keyed +always +-$/m);
  assert.match(out, /^time_now +- +idempotent +- +-$/m);
  const json = JSON.parse((await claw(file, ["list", "--json"])).out) as { name: string }[];
  assert.deepEqual(
    json.find(({ name }) => name === "time_now"),
    { name: "time_now", labels: [], effect: "idempotent", asks: false },
  );
});

test("claw tools test prints what the model would read, and beside it the decision, the size and the time", async (t) => {
  const { code, out, errors } = await claw(withOwn(t, approving(config)), [
    "test",
    "shelf_read",
    "--args",
    '{"row":2}',
    "--as",
    "telegram:123456789",
  ]);
  assert.equal(code, 0);
  assert.equal(out, "row 2 for telegram:123456789\n\\u001b[2Jcleared\n[cut: 51 of 91 characters left out]\n");
  assert.match(
    errors,
    /^shelf_read \{\n {2}"row": 2\n\}\ncalled by ops for telegram:123456789: allow: agents\.ops\.tools "shelf_\*" & groups\.owners\.tools "\*"\n\d+ characters in \d+ ms\n$/,
  );
});

test("claw tools test calls for the first who may, and gives code its data by --json", async (t) => {
  const { code, out } = await claw(withOwn(t, approving(config)), [
    "test",
    "shelf_read",
    "--args",
    '{"row":2}',
    "--json",
  ]);
  assert.equal(code, 0);
  const { milliseconds, text, ...tested } = JSON.parse(out) as Record<string, unknown>;
  assert.equal(typeof milliseconds, "number");
  assert.match(String(text), /^row 2 for matrix:@me:home\.example\n/);
  assert.deepEqual(tested, {
    ...{ tool: "shelf_read", agent: "ops", principal: "matrix:@me:home.example", input: { row: 2 } },
    ...{ decision: "allow", rule: 'agents.ops.tools "shelf_*" & groups.owners.tools "*"' },
    ...{ outcome: "ok", data: { row: 2 } },
  });
});

test("claw tools test prints a tool's own error and exits 1", async (t) => {
  const { code, out } = await claw(withOwn(t, approving(config)), ["test", "shelf_read", "--args", '{"row":9}']);
  assert.deepEqual([code, out], [1, "shelf_read failed: the shelf has no row 9\n"]);
});

test("claw tools test never runs what acts: it prints the call and exits 3", async (t) => {
  const env = { DATABASE_URL: database.url };
  const file = withOwn(t, approving(config));
  const acted = await claw(file, ["test", "commitments_add", "--args", '{"text":"water"}'], env);
  assert.deepEqual([acted.code, acted.out], [3, ""]);
  assert.match(
    acted.errors,
    /^commitments_add \{\n {2}"text": "water"\n\}\ncalled by ops .*: allow: .*\nIt acts, .* it was not run\.\n$/,
  );
  const asked = await claw(file, ["test", "schedule_propose", "--args", '{"what":"x","cron":"0 7 * * *"}'], env);
  assert.deepEqual([asked.code, asked.out], [3, ""]);
  assert.match(asked.errors, /: ask: schedule_propose always asks\n/);
  assert.equal((await database.sql`select 1 from commitments`).length, 0);
});

test("claw tools test exits 4 where the call is denied, with the rule", async (t) => {
  const file = withOwn(t, approving(config));
  const stranger = await claw(file, ["test", "time_now", "--as", "telegram:6666"]);
  assert.equal(stranger.code, 4);
  assert.match(stranger.errors, /deny: no group of telegram:6666 names agents\.ops\n$/);
  const foreign = await claw(file, ["test", "history_search", "--args", '{"query":"water"}', "--agent", "ops"]);
  assert.equal(foreign.code, 4);
  assert.match(foreign.errors, /deny: not in agents\.ops\.tools\n$/);
});

test("claw tools test runs what keeps nothing without a database, and says what is missing where it is needed", async (t) => {
  const file = withOwn(t, approving(config));
  const time = await claw(file, ["test", "time_now"]);
  assert.equal(time.code, 0, time.errors);
  const listed = await claw(file, ["test", "commitments_list"]);
  assert.equal(listed.code, 1);
  assert.match(listed.out, /^no gateway runs with the embedded database in .*: start it/);
  const found = await claw(file, ["test", "commitments_list"], { DATABASE_URL: database.url });
  assert.deepEqual([found.code, found.out], [0, "No commitments.\n"]);
});

test("claw tools test names what is wrong with its own arguments", async (t) => {
  const file = withOwn(t, approving(config));
  const wrong: [string[], RegExp][] = [
    [["time_nwo"], /no tool is named "time_nwo"; did you mean "?time_now/i],
    [["shelf_read", "--args", '{"row":0}'], /--args: The arguments were refused/],
    [["shelf_read", "--args", "{row"], /--args: The arguments are not valid JSON/],
    [["time_now", "--agent", "opz"], /no agent is named "opz"/],
    [["time_now", "--as", "ada"], /--as must be/],
  ];
  for (const [argv, message] of wrong) {
    const { code, errors } = await claw(file, ["test", ...argv]);
    assert.equal(code, 1);
    assert.match(errors, message);
  }
});
