import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { type Result, runChecks } from "../../../lib/doctor/check.ts";
import { configChecks, configProblems } from "../../../lib/doctor/config.ts";
import { ConfigError } from "../../../lib/config/problem.ts";
import { Secret } from "../../../lib/config/secret.ts";
import { secretsIn, withoutSecrets } from "../../../lib/doctor/secrets.ts";
import { fingerprintOf } from "../../../lib/config/fingerprint.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { withMatrix } from "../../support/matrix-config.ts";
import { findProgram } from "../../deploy/support/tools.ts";
import { configIn, lineOf, nowhere } from "./support.ts";

const noGit = findProgram("git") === undefined;

describe("the doctor on the config", () => {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-doctor-config-"));
  after(() => rmSync(folder, { recursive: true }));
  const env = join(folder, ".env");
  afterEach(() => {
    for (const name of [env, join(folder, ".git"), join(folder, ".gitattributes")])
      rmSync(name, { recursive: true, force: true });
  });
  const matrix = (toml: string): string => withMatrix(toml, nowhere);
  const look = async (settings = {}, named: string[] = []): Promise<Result[]> =>
    runChecks(configChecks(configIn(folder, settings), named));
  const files = async (named: string[] = []): Promise<string> => lineOf(await look({}, named), "config.files");

  test("what is hardly meant is told, a line each", async () => {
    const more = '[groups.nobody]\nagents = ["ops"]\n';
    assert.match(
      lineOf(await look({ more }), "config.hints"),
      /^warn: groups\.nobody has no members -> change it, or leave it/,
    );
    assert.equal(lineOf(await look(), "config.hints"), "ok: nothing in it looks unmeant");
  });

  test("a file with secrets that others may read is told with its mode and chmod", async () => {
    assert.equal(await files(), "skipped: no file with secrets lies beside the config");
    writeFileSync(env, "OPENCLAW_TOKEN=x\n", { mode: 0o600 });
    assert.equal(await files(), "ok: 1 file with secrets, for its owner's eyes");
    chmodSync(env, 0o640);
    assert.match(await files(), /^ok: /, "its group may");
    chmodSync(env, 0o644);
    assert.equal(await files(), `warn: ${env} may be read or written by others (mode 644) -> chmod 600 ${env}`);
    rmSync(env);
    const named = join(folder, "token");
    writeFileSync(named, "x", { mode: 0o666 });
    chmodSync(named, 0o666);
    assert.match(await files([named]), /token may be read or written by others \(mode 666\)/);
    rmSync(named);
  });

  test("a file that git-crypt has locked is told so", async () => {
    writeFileSync(env, Buffer.from("\0GITCRYPT\0canary"), { mode: 0o600 });
    assert.equal(await files(), `fail: ${env} is locked by git-crypt -> in its folder: git-crypt unlock`);
  });

  test(
    `a file that git has in plain is told, one that is git-crypt's is not${noGit ? " (skipped: no git)" : ""}`,
    { skip: noGit },
    async () => {
      const git = (...args: string[]): unknown => execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" });
      git("init");
      writeFileSync(env, "OPENCLAW_TOKEN=x\n", { mode: 0o600 });
      assert.match(await files(), /^ok: /, "it is not in git");
      git("add", "-f", ".env");
      assert.match(
        await files(),
        /^fail: .*\.env is in git without encryption -> list it in \.gitattributes for git-crypt/,
      );
      writeFileSync(join(folder, ".gitattributes"), ".env filter=git-crypt diff=git-crypt\n");
      assert.match(await files(), /^ok: /);
    },
  );

  test("secrets that are short, alike, or of a rotation that is not over are told by their keys", async () => {
    const environment = { MATRIX_HS_TOKEN: `${testEnvironment["TELEGRAM_SECRET"]}` };
    const found = (await look({ edit: matrix, environment })).filter(({ name }) => name === "config.secrets");
    assert.deepEqual(
      found.map(({ saw }) => saw),
      [
        "matrix.as_token has 26 characters",
        "matrix.hs_token has 26 characters",
        "telegram.main.webhook_secret is the same as matrix.hs_token",
      ],
    );
    assert.doesNotMatch(JSON.stringify(found), /canary/);
    const config = configIn(folder, { edit: matrix });
    const rotating = { ...config, matrix: { ...config.matrix, previousAsToken: new Secret("canary-old") } };
    const told = await runChecks(configChecks(rotating as typeof config, []));
    assert.ok(told.some(({ saw }) => saw.startsWith("matrix.previous_as_token is still set")));
  });

  test("every secret of a config is found, and taken out of whatever is said", () => {
    const more = `
[listen]
token = { env = "OPENCLAW_TOKEN" }
[tools.feeds]
url = "${nowhere}"
token = { env = "FEEDS" }
[mcp.demo]
command = ["demo"]
env = { DEMO_KEY = { env = "DEMO" } }
`;
    const environment = {
      FEEDS: "canary-feeds",
      DEMO: "canary-demo",
      DATABASE_URL: "postgres://me:canary%2Fpassword@127.0.0.1:9/none",
    };
    const config = configIn(folder, { edit: matrix, more, environment });
    assert.deepEqual(
      secretsIn(config)
        .map(([key]) => key)
        .sort(),
      [
        ...["backends.main.api_key", "database.url", "key", "listen.token", "matrix.as_token", "matrix.hs_token"],
        ...["mcp.demo.env.DEMO_KEY", "telegram.main.token", "telegram.main.webhook_secret", "tools.feeds.token"],
      ],
    );
    const clean = withoutSecrets(config);
    const values = [
      ...Object.values(testEnvironment),
      ...Object.values(environment),
      "canary/password",
      "canary%2Fpassword",
    ];
    for (const value of values) assert.doesNotMatch(clean(`it says ${value}, and`), /canary|OPENCLAW_KEY=/, value);
    assert.equal(clean(testEnvironment["OPENCLAW_KEY"] ?? ""), "[secret]");
  });

  test("a config that does not load is told with all its problems, after a lock of git-crypt's", async () => {
    writeFileSync(env, Buffer.from("\0GITCRYPT\0canary"), { mode: 0o600 });
    const problems = ["one", "two"].map((key) => ({ file: "openclaw.toml", key, problem: "is wrong", fix: "mend it" }));
    const found = await configProblems(join(folder, "openclaw.toml"), new ConfigError(problems));
    assert.deepEqual(
      found.map(({ name, state, saw }) => [name, state, saw]),
      [
        ["config", "fail", `${env} is locked by git-crypt`],
        ["config", "fail", "openclaw.toml: one: is wrong"],
        ["config", "fail", "openclaw.toml: two: is wrong"],
      ],
    );
  });
});

describe("a config's fingerprint", () => {
  const [one, two] = ["one", "two"].map(() => mkdtempSync(join(tmpdir(), "openclaw-fingerprint-"))) as [string, string];
  after(() => [one, two].forEach((folder) => rmSync(folder, { recursive: true })));
  const print = (settings: Parameters<typeof configIn>[1], folder = one) =>
    fingerprintOf({ ...configIn(folder, settings), dataDir: "/same" });

  test("is the same for the same, and tells what a reload takes over from what needs a restart", () => {
    const before = print({});
    assert.deepEqual(print({}), before);
    const prompt = print({ top: 'log_level = "debug"' });
    assert.equal(prompt.restart, before.restart);
    assert.notEqual(prompt.all, before.all);
    const secret = print({ environment: { TELEGRAM_SECRET: "another_secret_of_a_webhook" } });
    assert.equal(secret.restart, before.restart);
    assert.notEqual(secret.all, before.all);
    assert.notEqual(print({ top: "workers = 3" }).restart, before.restart);
  });

  test("does not hang on the path of the process, nor tell any value", () => {
    const more = '[mcp.demo]\ncommand = ["demo"]\n';
    const at = (path: string) => print({ more, environment: { PATH: path } });
    assert.deepEqual(at("/usr/bin"), at("/opt/bin"));
    assert.match(JSON.stringify(at("/usr/bin")), /^\{"restart":"[0-9a-f]{64}","all":"[0-9a-f]{64}"\}$/);
    assert.notEqual(
      print({ environment: { OPENCLAW_KEY: Buffer.alloc(32, 1).toString("base64") } }).all,
      print({}).all,
    );
  });
});
