import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "smol-toml";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/problem.ts";
import { configDirectory, problemsOf, secrets, tools, valid } from "./support.ts";

const bot = `
[telegram.second]
token = { env = "SECOND_TOKEN" }
webhook_secret = { env = "SECOND_SECRET" }
agent = "ops"
`;
const second = { SECOND_TOKEN: "222:second", SECOND_SECRET: "second-webhook-secret" };

test("a circle of fallbacks is told once, with its way", (t) => {
  const backend = (name: string, fallback: string): string =>
    `[backends.${name}]\nbase_url = "http://x/v1"\nmodel = "m"\nfallback = ["${fallback}"]\n`;
  const toml = valid + backend("a", "b") + backend("b", "c") + backend("c", "b");
  assert.deepEqual(problemsOf(t, toml), [
    "backends.b.fallback: fallbacks go in a circle: b -> c -> b; remove one of them",
  ]);
});

test("an empty prompt and an empty secret are refused", (t) => {
  const { directory, file } = configDirectory(t, valid);
  writeFileSync(join(directory, "ops.md"), " \n");
  const options = { env: new Environment({ ...secrets, LLM_API_KEY: " " }), tools };
  assert.throws(() => loadConfig(file, options), /ops\.md is empty.*\n.*variable LLM_API_KEY is empty/);
});

test("a secret's file that is missing, empty or a folder may pass, and nothing else that is wrong does", (t) => {
  const { directory, file } = configDirectory(t, valid);
  const passes = (secret: string, env: Record<string, string> = {}): boolean => {
    writeFileSync(file, valid.replace('{ env = "LLM_API_KEY" }', `{ ${secret} }`));
    try {
      loadConfig(file, { env: new Environment({ ...secrets, ...env }), tools });
    } catch (thrown) {
      if (thrown instanceof ConfigError) return thrown.mayPass;
    }
    throw new Error("the config was taken");
  };
  writeFileSync(join(directory, "empty"), "\n");
  writeFileSync(join(directory, "two-lines"), "a\nb\n");
  const at = (name: string): string => `file = "${join(directory, name)}"`;
  assert.deepEqual(
    [at("none"), at("empty"), at("")].map((secret) => passes(secret)),
    [true, true, true],
  );
  assert.deepEqual(
    [at("two-lines"), 'env = "NOT_SET"', 'credential = "key"'].map((secret) => passes(secret)),
    [...[false, false, false]],
  );
  assert.equal(passes('credential = "key"', { CREDENTIALS_DIRECTORY: directory }), true);
  assert.equal(passes(at("none"), { TELEGRAM_TOKEN: "" }), false, "both");
});

test("an agent on Matrix or Telegram needs that channel", (t) => {
  const without = valid.slice(0, valid.indexOf("[matrix]"));
  assert.deepEqual(
    problemsOf(t, `operator = "matrix:!ops:home.example"\n${without}`).map((problem) => problem.split(";")[0]),
    [
      "agents.ops.matrix: the agent is on Matrix but there is no [matrix]",
      "agents.ops.telegram: the agent is on Telegram but there is no bot",
      "operator: is on Matrix but there is no [matrix]",
    ],
  );
});

test("two agents never share a localpart", (t) => {
  const agent = `[agents.twin]\ndescription = "d"\nbackend = "main"\nprompt = "ops.md"\nmatrix = { localpart = "agent_ops" }\n`;
  assert.match(
    problemsOf(t, valid + agent).join(),
    /^agents\.twin\.matrix\.localpart: agents\.ops is already "agent_ops"/,
  );
});

test("two bots never share a token, nor the two Matrix tokens a value", (t) => {
  const env = { ...second, SECOND_TOKEN: secrets.TELEGRAM_TOKEN, MATRIX_HS_TOKEN: secrets.MATRIX_AS_TOKEN };
  assert.deepEqual(problemsOf(t, valid + bot, env), [
    "matrix.hs_token: is the same secret as matrix.as_token; each needs its own",
    "telegram.second.token: is the same secret as telegram.home.token; each needs its own",
  ]);
});

test("a webhook secret that is short or holds other letters is refused", (t) => {
  const problem = (value: string): string => problemsOf(t, valid + bot, { ...second, SECOND_SECRET: value }).join();
  assert.match(problem("short"), /^telegram\.second\.webhook_secret: is shorter than 16 characters; make one with/);
  assert.match(problem("has spaces in it, though long"), /^telegram\.second\.webhook_secret: may hold only/);
  assert.match(problem("x".repeat(257)), /may hold only A-Z a-z 0-9 _ - \(256 at most\)/);
});

test("a secret of more than one line is refused", (t) => {
  assert.match(problemsOf(t, valid, { LLM_API_KEY: "a\nb" }).join(), /LLM_API_KEY has more than one line/);
});

test("OPENCLAW_KEY must be set and be 32 bytes in base64", (t) => {
  assert.match(
    problemsOf(t, valid, { OPENCLAW_KEY: undefined }).join(),
    /^key: the environment variable OPENCLAW_KEY is not set; make one with `claw keys new`/,
  );
  for (const bad of ["c2hvcnQ=", "not base64 at all, but long enough to pass", Buffer.alloc(33).toString("base64")])
    assert.match(problemsOf(t, valid, { OPENCLAW_KEY: bad }).join(), /^key: is not 32 bytes in base64/);
});

test("every problem of every stage is told at once, also beside a broken key of the same agent", (t) => {
  const toml = valid
    .replace('backend = "main"', 'backend = "mian"\ncolour = "red"')
    .replace('description = "Watches the homelab"', "description = 3")
    .replace('"ops.md"', '"gone.md"')
    .replace('members = ["matrix:@me:home.example"', 'members = ["me"')
    .replace('agents = ["*"]', 'agents = ["Bad Name", "oops"]')
    .replace('{ env = "TELEGRAM_TOKEN" }', '"123:canary"');
  const problems = problemsOf(t, toml, { LLM_API_KEY: undefined, OPENCLAW_KEY: "short" });
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, problem.indexOf(": "))).sort(),
    [
      "agents.ops.backend",
      "agents.ops.colour",
      "agents.ops.description",
      "agents.ops.prompt",
      "backends.main.api_key",
      "groups.owners.agents[0]",
      "groups.owners.agents[1]",
      "groups.owners.members[0]",
      "key",
      "telegram.home.token",
    ],
    problems.join("\n"),
  );
});

test("an empty config names every section it needs", (t) => {
  assert.deepEqual(
    problemsOf(t, "").map((problem) => problem.split(";")[0]),
    ["backends: is missing", "groups: is missing", "agents: is missing"],
  );
});

/** Every config that differs from `table` in one value. */
function* mutants(table: Record<string, unknown>, whole: Record<string, unknown>): Generator<string> {
  for (const key of Object.keys(table)) {
    const value = table[key];
    for (const other of [3, -0.5, "canary", "", true, [], [3], ["canary"], {}, { a: 1 }, new Date(0)]) {
      table[key] = other;
      yield stringify(whole);
    }
    table[key] = value;
    if (typeof value === "object" && !Array.isArray(value)) yield* mutants(value as Record<string, unknown>, whole);
  }
}

test("whatever one value becomes, the config loads or fails with named problems alone", (t) => {
  const { file } = configDirectory(t, "");
  const whole = parse(valid) as Record<string, unknown>;
  let refused = 0;
  for (const toml of mutants(whole, whole)) {
    writeFileSync(file, toml);
    try {
      loadConfig(file, { env: new Environment(secrets), tools });
    } catch (thrown) {
      assert.ok(thrown instanceof ConfigError, `${String(thrown)}\n${toml}`);
      assert.ok(
        thrown.problems.every(({ problem, fix }) => problem && fix && !/undefined|\bInvalid\b/.test(problem + fix)),
      );
      refused++;
    }
  }
  assert.ok(refused > 250);
});
