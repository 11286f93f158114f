import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Secret } from "../../../lib/config/secret.ts";
import { isSecret } from "../../../lib/same-secret.ts";
import { load, problemsOf, valid } from "./support.ts";

/** The valid config with every key of a rotation. */
const rotating = (reference: (name: string) => string): string =>
  valid
    .replace(
      'hs_token = { env = "MATRIX_HS_TOKEN" }',
      `$&\nprevious_as_token = ${reference("AS_PREVIOUS")}\nprevious_hs_token = ${reference("HS_PREVIOUS")}`,
    )
    .replace(
      'webhook_secret = { env = "TELEGRAM_WEBHOOK_SECRET" }',
      `$&\nprevious_webhook_secret = ${reference("WEBHOOK_PREVIOUS")}`,
    )
    .concat(`\n[listen]\ntoken = { env = "OPENCLAW_TOKEN" }\nprevious_token = ${reference("TOKEN_PREVIOUS")}\n`);

const byVariable = rotating((name) => `{ env = "${name}" }`);

const values = {
  AS_PREVIOUS: "as-before",
  HS_PREVIOUS: "hs-before",
  WEBHOOK_PREVIOUS: "webhook-secret-before",
  TOKEN_PREVIOUS: "a token from before, of 32 characters and more",
};

const previousOf = ({ matrix, telegram, previousToken }: ReturnType<typeof load>): (string | undefined)[] =>
  [matrix?.previousAsToken, matrix?.previousHsToken, telegram.get("home")?.previousWebhookSecret, previousToken].map(
    (secret) => secret?.reveal(),
  );

const none = [undefined, undefined, undefined, undefined];

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-previous-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("secrets from before a rotation are read beside those that are in use", (t) => {
  assert.deepEqual(previousOf(load(t, byVariable, values)), Object.values(values));
});

test("a variable that is not set, or empty, or blank, is no previous secret", (t) => {
  assert.deepEqual(previousOf(load(t, byVariable)), none);
  for (const empty of ["", "  "])
    assert.deepEqual(
      previousOf(load(t, byVariable, Object.fromEntries(Object.keys(values).map((name) => [name, empty])))),
      none,
    );
});

test("a file that is missing or empty is no previous secret", (t) => {
  const directory = folder(t);
  const toml = rotating((name) => `{ file = "${join(directory, name)}" }`);
  assert.deepEqual(previousOf(load(t, toml)), none);
  for (const name of Object.keys(values)) writeFileSync(join(directory, name), "\n");
  assert.deepEqual(previousOf(load(t, toml)), none);
  for (const [name, value] of Object.entries(values)) writeFileSync(join(directory, name), `${value}\n`);
  assert.deepEqual(previousOf(load(t, toml)), Object.values(values));
});

test("a credential that is missing or empty, or without a directory of credentials, is no previous secret", (t) => {
  const directory = folder(t);
  const toml = rotating((name) => `{ credential = "${name}" }`);
  assert.deepEqual(previousOf(load(t, toml)), none);
  assert.deepEqual(previousOf(load(t, toml, { CREDENTIALS_DIRECTORY: directory })), none);
  for (const [name, value] of Object.entries(values)) writeFileSync(join(directory, name), value);
  assert.deepEqual(previousOf(load(t, toml, { CREDENTIALS_DIRECTORY: directory })), Object.values(values));
});

test("a previous secret that is there and cannot be read is a problem, not nothing", (t) => {
  const directory = folder(t);
  for (const name of Object.keys(values)) mkdirSync(join(directory, name));
  chmodSync(directory, 0o700);
  const problems = problemsOf(
    t,
    rotating((name) => `{ file = "${join(directory, name)}" }`),
  );
  assert.equal(problems.filter((problem) => /previous_.*cannot be read \(EISDIR\)/.test(problem)).length, 4);
});

test("a previous secret that is still in use somewhere is refused, once, and not repeated", (t) => {
  const cases: readonly (readonly [Partial<typeof values>, RegExp])[] = [
    [{ AS_PREVIOUS: "canary-as-token" }, /^matrix\.previous_as_token: is the same secret as matrix\.as_token; /],
    [{ HS_PREVIOUS: "canary-as-token" }, /^matrix\.previous_hs_token: is the same secret as matrix\.as_token; /],
    [
      { WEBHOOK_PREVIOUS: "canary-webhook-secret" },
      /^telegram\.home\.previous_webhook_secret: is the same secret as telegram\.home\.webhook_secret; /,
    ],
    [
      { TOKEN_PREVIOUS: "canary-token-of-32-characters-and-more" },
      /^listen\.previous_token: is the same secret as listen\.token; /,
    ],
    [
      { AS_PREVIOUS: "canary-both", HS_PREVIOUS: "canary-both" },
      /^matrix\.previous_as_token: is the same secret as matrix\.previous_hs_token; /,
    ],
  ];
  for (const [env, expected] of cases) {
    const problems = problemsOf(t, byVariable, env);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
    assert.doesNotMatch(problems.join(), /canary/);
  }
});

test("previous secrets are held to the same shape as those in use", (t) => {
  const problems = problemsOf(t, byVariable, { WEBHOOK_PREVIOUS: "short", TOKEN_PREVIOUS: "short too" });
  assert.deepEqual(
    problems.map((problem) => problem.split(";")[0]),
    [
      "telegram.home.previous_webhook_secret: is shorter than 16 characters",
      "listen.previous_token: is shorter than 32 characters",
    ],
  );
});

test("one of several secrets is enough, and nothing equals an empty or a missing one", () => {
  const [now, before, empty] = [new Secret("now"), new Secret("before"), new Secret("")];
  assert.ok(isSecret("now", now, before));
  assert.ok(isSecret("before", now, before));
  assert.ok(!isSecret("before", now, undefined));
  for (const presented of ["", undefined, "nowbefore", "Now"])
    assert.ok(!isSecret(presented, now, before, empty, undefined));
  assert.ok(!isSecret("now"));
});
