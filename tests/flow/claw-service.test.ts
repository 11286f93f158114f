import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { claw, type ClawResult } from "../support/claw.ts";
import { freePort } from "../support/free-port.ts";
import { jobConfig } from "../support/job-config.ts";

let directory = "";
let file = "";

before(() => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-service-"));
  file = join(directory, "openclaw.toml");
  writeFileSync(join(directory, "prompt.md"), "You help with the homelab.\n");
});
after(() => rmSync(directory, { recursive: true }));

const state = 'data_dir = "/var/lib/openclaw"\n';
const withCredentials = (toml: string): string =>
  toml.replaceAll(
    /\{ env = "(OPENCLAW_TOKEN|LLM_API_KEY)" \}/g,
    (_, name: string) => `{ credential = "${name.toLowerCase().replaceAll("_", "-")}" }`,
  );

/** No secret is needed to write units. */
function service(toml: string, ...argv: string[]): Promise<ClawResult> {
  writeFileSync(file, toml);
  return claw({ OPENCLAW_CONFIG: file }, "service", "systemd", ...argv);
}

test("prints a unit that loads the credentials the config refers to, for paths that are not there yet", async () => {
  const { code, out, errors } = await service(
    state + withCredentials(jobConfig()),
    ...["--system", "--config-path", "/etc/openclaw/openclaw.toml", "--app", "/opt/openclaw", "--node", "/nix/node"],
  );
  assert.deepEqual([code, errors], [0, ""]);
  assert.match(
    out,
    /^ExecStart=\/nix\/node --max-old-space-size=\d+ --max-semi-space-size=\d+ \/opt\/openclaw\/functions\/server\.ts$/m,
  );
  assert.deepEqual(out.match(/^LoadCredential=.*$/gm), [
    "LoadCredential=llm-api-key:/etc/openclaw/credentials/llm-api-key",
    "LoadCredential=openclaw-token:/etc/openclaw/credentials/openclaw-token",
  ]);
  assert.match(out, /^EnvironmentFile=-\/etc\/openclaw\/\.env$/m);
  assert.ok(!out.includes(directory));
});

test("writes it with the backup's, tells what to run next, keeps that when it is written again, and removes what is not wanted any more", async () => {
  const units = join(directory, "units");
  const recipient = '[audit]\nrecipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"\n';
  const toml = `${state}${jobConfig()}\n${recipient}`;
  const first = await service(toml, "--system", "--dir", units, "--backup", "/var/lib/openclaw-backup");
  assert.equal(
    first.errors,
    "Next:\n  systemctl daemon-reload\n  systemctl enable --now openclaw.service openclaw-backup.timer\n",
  );
  assert.deepEqual(readdirSync(units).sort(), ["openclaw-backup.service", "openclaw-backup.timer", "openclaw.service"]);
  const again = await service(toml, "--system", "--dir", units);
  assert.equal(again.out, "Everything is as it should be.\n");
  const second = await service(toml, "--system", "--dir", units, "--no-backup");
  assert.match(second.errors, /^ {2}systemctl stop openclaw-backup\.service openclaw-backup\.timer$/m);
  assert.deepEqual(readdirSync(units), ["openclaw.service"]);
  assert.match(readFileSync(join(units, "openclaw.service"), "utf8"), /^StateDirectory=openclaw$/m);
});

test("units whose credentials are encrypted are written again for such ones, unless they are said not to be", async () => {
  const units = join(directory, "encrypted");
  const toml = `${state}${withCredentials(jobConfig())}`;
  const read = (): string => readFileSync(join(units, "openclaw.service"), "utf8");
  for (const flags of [["--encrypted"], []]) {
    assert.equal((await service(toml, "--system", "--dir", units, ...flags)).code, 0);
    assert.match(read(), /^LoadCredentialEncrypted=llm-api-key:/m);
  }
  await service(toml, "--system", "--dir", units, "--no-encrypted");
  assert.match(read(), /^LoadCredential=llm-api-key:/m);
});

test("the timers take the token from the credential, or the file, that listen.token names", async () => {
  const timers = async (toml: string, ...argv: string[]): Promise<string> => {
    writeFileSync(file, toml);
    return (await claw({ OPENCLAW_CONFIG: file }, "timers", "systemd", "--system", ...argv)).out;
  };
  const credential = await timers(withCredentials(jobConfig()), "--credentials", "/srv/secrets", "--encrypted");
  assert.match(credential, /^LoadCredentialEncrypted=openclaw-token:\/srv\/secrets\/openclaw-token$/m);
  const bare = await timers(jobConfig().replace('{ env = "OPENCLAW_TOKEN" }', '{ file = "/srv/claw/token" }'));
  assert.match(bare, /^LoadCredential=openclaw-token:\/srv\/claw\/token$/m);
});

test("refuses what it cannot write, with what to do", async () => {
  const table: [string, string[], RegExp][] = [
    ["", ["--system"], /^data_dir is .*\/data: .* set data_dir = "\/var\/lib\/openclaw", or give --user\n$/],
    [state, ["--system", "--backup", "/var/lib/b"], /^--backup: .* audit\.recipient; set it in the config\n$/],
    [state, ["--system", "--user"], /^--user and --system: name one of them\n$/],
  ];
  for (const [top, argv, error] of table) {
    const { code, errors } = await service(top + jobConfig(), ...argv);
    assert.equal(code, 1);
    assert.match(errors, error);
  }
});

test("`service wait` ends once the gateway answers, or with 1 once its process has ended", async (t) => {
  const port = await freePort();
  const listen = `private = "127.0.0.1:${port}"`;
  writeFileSync(file, jobConfig({ listen }));
  const process = spawn("sleep", ["60"]);
  const waits = claw({ OPENCLAW_CONFIG: file }, "service", "wait", "--pid", String(process.pid));
  const server = createServer((_, response) => response.end("ok"));
  t.after(() => server.close());
  await once(server.listen(port, "127.0.0.1"), "listening");
  assert.equal((await waits).code, 0);

  server.close();
  server.closeAllConnections();
  const again = claw({ OPENCLAW_CONFIG: file }, "service", "wait", "--pid", String(process.pid));
  process.kill();
  await once(process, "exit");
  assert.deepEqual(await again, { code: 1, out: "", errors: "" });
});

test("a gateway whose config is invalid ends with 78, one whose secret cannot be read now with 75, one whose database is away with 1", async () => {
  const start = async (toml: string, more: Record<string, string> = {}): Promise<[number | null, string]> => {
    writeFileSync(file, toml);
    const env = {
      OPENCLAW_CONFIG: file,
      OPENCLAW_KEY: Buffer.alloc(32, 1).toString("base64"),
      OPENCLAW_TOKEN: "canary-token-0123456789-0123456789-0123",
      LLM_API_KEY: "canary-key",
      TELEGRAM_TOKEN: "4242:canary-token",
      TELEGRAM_SECRET: "canary_webhook_secret_0123",
      DATABASE_URL: "postgres://nobody@127.0.0.1:9/nothing",
      ...more,
    };
    const child = spawn(process.execPath, [join(import.meta.dirname, "../../functions/server.ts")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const [code] = (await once(child, "close")) as [number | null];
    return [code, errors];
  };
  const codeOf = async (toml: string, more?: Record<string, string>) => (await start(toml, more))[0];
  const mistaken = (toml: string): string => toml.replace("Europe/Berlin", "Nowhere");
  assert.equal(await codeOf(mistaken(jobConfig())), 78);
  assert.equal(await codeOf(jobConfig()), 1);

  const mounted = join(directory, "mounted-late");
  const late = jobConfig().replace('{ env = "LLM_API_KEY" }', `{ file = "${mounted}" }`);
  const [code, errors] = await start(late);
  assert.equal(code, 75);
  assert.match(errors, /api_key: there is no file .*mounted-late.*\n.*a later start may read it.*tries again/);
  assert.equal(await codeOf(mistaken(late)), 78);
  assert.equal(await codeOf(late, { TELEGRAM_TOKEN: "" }), 78);
  writeFileSync(mounted, "canary-key\n");
  assert.equal(await codeOf(late), 1);

  const credential = withCredentials(jobConfig());
  assert.equal(await codeOf(credential), 78, "no unit gives credentials to it");
  assert.equal(await codeOf(credential, { CREDENTIALS_DIRECTORY: directory }), 75);
});
