import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Environment, readEnvFile, readEnvironment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { configDirectory, secrets, tools, valid } from "./support.ts";

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-environment-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("what the process lacks is found in .env beside the config; what it has wins", (t) => {
  const directory = folder(t);
  writeFileSync(join(directory, ".env"), "OPENCLAW_ENVIRONMENT_TEST=from-the-file\nPATH=/nowhere\nNODE_OPTIONS=\n");
  const env = readEnvironment(join(directory, "openclaw.toml"));
  assert.equal(env.get("OPENCLAW_ENVIRONMENT_TEST"), "from-the-file");
  assert.equal(env.get("PATH"), process.env["PATH"]);
  assert.equal(
    readEnvironment(join(directory, "elsewhere", "openclaw.toml")).get("OPENCLAW_ENVIRONMENT_TEST"),
    undefined,
  );
});

test("a .env that cannot be a file of variables is an error with its name; one that is not there is empty", (t) => {
  const directory = folder(t);
  assert.deepEqual(readEnvFile(join(directory, ".env")), {});
  assert.throws(() => readEnvFile(directory), /openclaw-environment-.* cannot be read \(EISDIR\)/);
});

test("a credential is read from CREDENTIALS_DIRECTORY, and missed in words where there is none", (t) => {
  const { directory, file } = configDirectory(
    t,
    valid.replace('{ env = "LLM_API_KEY" }', '{ credential = "llm-api-key" }'),
  );
  const load = (values: Record<string, string>) =>
    loadConfig(file, { env: new Environment({ ...secrets, ...values }), tools });
  assert.throws(() => load({}), /api_key: the credential llm-api-key is not there: .*LoadCredential=llm-api-key:/);
  assert.throws(() => load({ CREDENTIALS_DIRECTORY: directory }), /there is no file .*\/llm-api-key/);
  writeFileSync(join(directory, "llm-api-key"), "canary-credential\n");
  const config = load({ CREDENTIALS_DIRECTORY: directory });
  assert.equal(config.backends.get("main")?.apiKey?.reveal(), "canary-credential");
});

test("traces are wanted where an endpoint for them is named, unless OpenTelemetry is switched off", () => {
  const endpoint = "http://127.0.0.1:4318";
  const wanted = (values: Record<string, string>): boolean => new Environment(values).traces;
  assert.equal(wanted({}), false);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), false);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), true);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }), true);
  assert.equal(wanted({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: "true" }), false);
});

test("output is coloured on a terminal, unless NO_COLOR is set or the terminal is dumb", () => {
  assert.equal(new Environment({}).colours(true), true);
  assert.equal(new Environment({}).colours(false), false);
  assert.equal(new Environment({ NO_COLOR: "1" }).colours(true), false);
  assert.equal(new Environment({ TERM: "dumb" }).colours(true), false);
});
