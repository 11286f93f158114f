import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { matrixUserId } from "../../../lib/config/config.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/problem.ts";
import { configDirectory, load, problemsOf, secrets, tools, valid } from "./support.ts";

test("a valid config loads with defaults, secrets and prompts", (t) => {
  const config = load(t, valid);
  const ops = config.agents.get("ops");
  assert.ok(ops);
  assert.equal(ops.prompt, "You watch the homelab.");
  assert.match(ops.promptHash, /^[0-9a-f]{64}$/);
  assert.equal(ops.limits.steps, 12);
  assert.equal(config.backends.get("main")?.apiKey?.reveal(), secrets.LLM_API_KEY);
  assert.equal(config.telegram.get("home")?.webhookSecret.reveal(), secrets.TELEGRAM_WEBHOOK_SECRET);
  assert.equal(config.matrix?.hsToken.reveal(), secrets.MATRIX_HS_TOKEN);
  assert.equal(matrixUserId(config, ops), "@agent_ops:home.example");
  assert.deepEqual(config.listen, { public: "0.0.0.0:8080", private: "127.0.0.1:8081" });
  assert.ok(config.dataDir.startsWith("/") && config.file.startsWith("/"));
});

test("no secret shows when a config is printed or serialised", (t) => {
  const config = load(t, valid);
  const shown = `${inspect(config, { depth: 9 })}${JSON.stringify([...config.telegram.values()])}${String(config.key)}`;
  for (const value of Object.values(secrets)) assert.ok(!shown.includes(value));
});

test("the database is that of the file, else of DATABASE_URL, else the embedded one", (t) => {
  const own = `${valid}\n[database]\nurl = { env = "OWN_DATABASE" }\n`;
  const env = { DATABASE_URL: "postgres://general", OWN_DATABASE: "postgresql://own" };
  assert.equal(load(t, own, env).database.url?.reveal(), "postgresql://own");
  assert.equal(load(t, `${valid}\n[database]\npool = 3\n`, env).database.url?.reveal(), "postgres://general");
  assert.equal(load(t, valid).database.url, undefined);
  assert.match(problemsOf(t, valid, { DATABASE_URL: "mysql://x" }).join(), /^DATABASE_URL: is not a PostgreSQL URL; /);
});

test("a secret in a file is read without its final newline", (t) => {
  const { directory, file } = configDirectory(t, "");
  const secret = join(directory, "llm-key");
  writeFileSync(secret, "from-a-file\n");
  writeFileSync(file, valid.replace('{ env = "LLM_API_KEY" }', `{ file = "${secret}" }`));
  const config = loadConfig(file, { env: new Environment(secrets), tools });
  assert.equal(config.backends.get("main")?.apiKey?.reveal(), "from-a-file");
});

test("a config loaded without secrets has none, and using one throws", (t) => {
  const { file } = configDirectory(t, valid);
  const config = loadConfig(file, { env: new Environment({}), tools, secrets: "skip" });
  assert.throws(() => config.matrix?.hsToken.reveal(), /was not read/);
  assert.throws(() => config.key.reveal(), /was not read/);
});

test("the policy hash follows groups, agents and tools, and neither order, comments nor anything else", (t) => {
  const hash = load(t, valid).policyHash;
  const reordered = valid
    .replace(/(base_url.*\n)(api_key.*\n)/, "$2$1")
    .replace(/(agents = .*\n)(tools = .*\n)/, "$2$1");
  assert.notEqual(reordered, valid);
  assert.equal(load(t, `# a comment\nlog_level = "debug"\n${reordered}`).policyHash, hash);
  assert.notEqual(load(t, valid.replace('tools = ["*"]', 'tools = ["time_now"]')).policyHash, hash);
  assert.notEqual(load(t, `${valid}\n[tools.history]\ndays = 1\n`).policyHash, hash);
});

test("names such as constructor are ordinary names and nothing is found by them unless written", (t) => {
  const config = load(t, valid.replaceAll('"ops"', '"constructor"').replace("[agents.ops]", "[agents.constructor]"));
  assert.equal(config.agents.get("constructor")?.name, "constructor");
  assert.equal(config.groups.get("constructor"), undefined);
  assert.equal(new Environment({}).get("constructor"), undefined);
  assert.match(
    problemsOf(t, valid.replace('backend = "main"', 'backend = "constructor"')).join(),
    /^agents\.ops\.backend: no backend is named "constructor"; Backends: main$/,
  );
  assert.match(
    problemsOf(t, valid.replace('agent = "ops"', 'agent = "valueof"')).join(),
    /^telegram\.home\.agent: no agent is named "valueof"/,
  );
});

test("__proto__ as a key is refused wherever it stands", (t) => {
  for (const section of [
    "[groups.__proto__]\nmembers = []",
    "[__proto__]\nx = 1",
    "[agents.ops.limits.__proto__]\nx = 1",
  ])
    assert.match(problemsOf(t, `${valid}\n${section}\n`).join("\n"), /__proto__: __proto__ cannot be a key; rename it/);
  assert.match(
    problemsOf(t, valid.replace('{ env = "LLM_API_KEY" }', '{ env = "__proto__" }')).join(),
    /the environment variable __proto__ is not set/,
  );
});

test("a missing config says how to make one", () => {
  assert.throws(
    () => loadConfig("/nowhere/openclaw.toml", { env: new Environment({}), tools }),
    (error: unknown) =>
      error instanceof ConfigError &&
      error.code === "config_invalid" &&
      /^\/nowhere\/openclaw\.toml: there is no such file; make one with `claw init`/.test(error.message),
  );
});

test("a syntax error names line and column and never quotes the line", (t) => {
  const { file } = configDirectory(t, 'timezone = "UTC"\ntoken = canary-pasted-token\n');
  assert.throws(
    () => loadConfig(file, { env: new Environment({}), tools }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /openclaw\.toml:2:9: not valid TOML: invalid value; write text in quotes/);
      assert.ok(!inspect(error).includes("canary"));
      return true;
    },
  );
  const twice = configDirectory(t, "[media]\n[media]\n").file;
  assert.throws(() => loadConfig(twice, { env: new Environment({}), tools }), /:2:\d+: .*written twice: keep one/);
});

/** Root reads everything: where we are root, as nobody. */
function asSomebody(act: () => void): void {
  const isRoot = process.getuid?.() === 0;
  try {
    if (isRoot) process.seteuid?.("nobody");
    act();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

test("an unreadable config says so", (t) => {
  const { directory, file } = configDirectory(t, valid);
  chmodSync(directory, 0o755);
  chmodSync(file, 0o000);
  asSomebody(() =>
    assert.throws(
      () => loadConfig(file, { env: new Environment({}), tools }),
      /may not be read; let this user read it/,
    ),
  );
});

test("only lib/config/environment.ts reads the environment here", () => {
  for (const file of ["load", "secrets", "assemble", "reload", "prompts"])
    assert.ok(
      !readFileSync(join(import.meta.dirname, `../../../lib/config/${file}.ts`), "utf8").includes("process.env"),
    );
});

test("a limit in money without prices is taken where unknown prices are allowed, or where everything is free", (t) => {
  const limited = `${valid}\n[budget]\nmoney_per_day = 5\n`;
  assert.match(problemsOf(t, limited).join(), /^backends\.main\.price: /);
  assert.equal(load(t, `${limited}unknown_price = "allow"\n`).budget.money_per_day, 5);
  const free = limited.replace('model = "some-model"', 'model = "some-model"\nprice = { input = 0, output = 0 }');
  assert.equal(load(t, free).budget.warn_at, 0.8);
});
