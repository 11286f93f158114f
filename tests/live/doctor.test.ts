/** `claw doctor` beside the shipped gateway on a real Synapse, with a real llama-server as its model. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../lib/doctor/check.ts";
import { newKey } from "../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { type EncryptedPerson, startEncryptedPerson } from "./support/encrypted-person.ts";
import { type Llama, startLlama } from "./support/llama.ts";
import { poll } from "./support/poll.ts";
import { claw, type ShippedGateway, startShipped } from "./support/shipped.ts";
import { startSynapse, type Synapse } from "./support/synapse.ts";

const ops = "@agent_ops:home.test";

describe("claw doctor on a real Synapse", () => {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-live-doctor-"));
  const file = (name: string): string => join(directory, name);
  let environment: Record<string, string> = {};
  let database: TestDatabase;
  let llama: Llama;
  let synapse: Synapse;
  let proxy: TcpProxy;
  let gateway: ShippedGateway;
  let ada: EncryptedPerson;
  let inner = 0;

  const toml = (outer: number, room: string): string => `
operator = "matrix:${room}"
[listen]
public = "127.0.0.1:${outer}"
private = "127.0.0.1:${inner}"
[matrix]
homeserver = "${synapse.url}"
server_name = "home.test"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
[backends.main]
base_url = "${llama.url}"
api_key = { env = "LLM_API_KEY" }
model = "${llama.model}"
price = { input = 0, output = 0 }
[groups.owners]
members = ["matrix:@ada:home.test"]
agents = ["*"]
[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "prompt.md"
matrix = { localpart = "agent_ops", rooms = ["${room}"] }
`;

  async function start(more: Record<string, string> = {}): Promise<void> {
    gateway = await startShipped({ ...environment, ...more }, file("gateway.log"));
    await poll("the agent's keys to be signed", async () => {
      const answer = await fetch(`http://127.0.0.1:${inner}/readyz`);
      const parts = (await answer.json()) as Record<string, { ok: boolean } | undefined>;
      return parts["matrix.ops"]?.ok;
    });
  }

  async function doctor(more: Record<string, string> = {}, ...only: string[]): Promise<Map<string, Result>> {
    const given = { ...environment, ...more };
    const { output } = await claw(given, "doctor", "--json", ...(only.length > 0 ? ["--only", ...only] : []));
    for (const name of ["MATRIX_AS_TOKEN", "MATRIX_HS_TOKEN", "LLM_API_KEY", "OPENCLAW_KEY"])
      assert.ok(!output.includes(given[name] ?? ""), `${name} is printed`);
    const { checks } = JSON.parse(output) as { checks: Result[] };
    return new Map(checks.map((check) => [check.name, check]));
  }
  const line = (found: Map<string, Result>, name: string): string => {
    const result = found.get(name);
    return `${result?.state}: ${result?.saw}${result && "remedy" in result ? ` -> ${result.remedy}` : ""}`;
  };

  before(async () => {
    const outer = await freePort();
    inner = await freePort();
    [database, llama, proxy] = await Promise.all([
      createTestDatabase(),
      startLlama({ apiKey: "live-key-of-llama" }),
      startTcpProxy(`http://127.0.0.1:${outer}`),
    ]);
    environment = {
      OPENCLAW_CONFIG: file("openclaw.toml"),
      OPENCLAW_KEY: newKey(),
      LLM_API_KEY: "live-key-of-llama",
      DATABASE_URL: database.url,
    };
    const names = ["--server-name", "home.test", "--url", proxy.url];
    const files = ["--out", file("appservice.yaml"), "--env", file("tokens.env")];
    const { code, output } = await claw(environment, "matrix", "register", ...names, ...files);
    assert.equal(code, 0, output);
    for (const pair of readFileSync(file("tokens.env"), "utf8").trim().split("\n")) {
      const [name = "", value = ""] = pair.split("=");
      environment[name] = value;
    }
    synapse = await startSynapse({ registration: file("appservice.yaml"), serverName: "home.test" });
    ada = await startEncryptedPerson(synapse.url, await synapse.registerUser("ada", "secret"));
    const room = await ada.createEncryptedRoom({ name: "Ops" });
    writeFileSync(file("prompt.md"), "You help with the homelab.\n");
    writeFileSync(file("openclaw.toml"), toml(outer, room));
    await start();
    await ada.client.invite(room, ops);
    await ada.until(room, `${ops} to join`, (found) => found.getMember(ops)?.membership === "join");
  });
  after(async () => {
    ada?.stop();
    await gateway?.stop();
    await proxy?.shut();
    await Promise.all([synapse?.stop(), llama?.stop()]);
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  test("the homeserver reaches us, the agent's device is signed, its room encrypted, the model calls its tool", async () => {
    const found = await doctor();
    assert.deepEqual(
      [...found.values()].filter(({ state }) => state === "fail"),
      [],
    );
    assert.match(line(found, "matrix.homeserver"), /^ok: \S+ answers in \d+ ms, Matrix v1\.\d+$/);
    assert.equal(line(found, "matrix.registration"), "ok: appservice.yaml has the config's tokens");
    assert.match(line(found, "matrix.ping"), /^ok: the homeserver reaches us, in \d+ ms$/);
    assert.equal(line(found, "matrix.ops.user"), `ok: ${ops}`);
    assert.match(line(found, "matrix.ops.keys"), /^ok: encrypted, device OPENCLAW, cross-signed, \d+ one-time keys$/);
    assert.match(line(found, "matrix.ops.rooms"), /^ok: in 1 room of the config/);
    assert.equal(line(found, "matrix.operator"), `ok: reached by ${ops}`);
    assert.match(line(found, "models.main"), /^ok: \S+ answers in \d+ ms/);
    assert.equal(line(found, "models.main.tools"), "ok: calls the tool it is given");
    assert.match(line(found, "models.main.usage"), /^ok: reports its usage: \d+ tokens in, \d+ out$/);
    assert.match(line(found, "clock"), /^ok: .*the homeserver's/);
  });

  test("a public listener that the homeserver does not reach is told with where to look", async () => {
    await proxy.shut();
    const found = await doctor({}, "matrix.ping");
    await proxy.open();
    assert.match(
      line(found, "matrix.ping"),
      /^fail: the homeserver cannot connect to the registration's url -> it must lead to listen\.public/,
    );
    assert.match(line(await doctor({}, "matrix.ping"), "matrix.ping"), /^ok: /);
  });

  test("an as_token that the homeserver does not know is told with where it is registered", async () => {
    const found = await doctor({ MATRIX_AS_TOKEN: "a".repeat(64) }, "matrix");
    assert.match(
      line(found, "matrix.as_token"),
      /^fail: the homeserver does not know matrix\.as_token -> is the registration in/,
    );
    assert.match(line(found, "matrix.registration"), /^fail: appservice\.yaml has another as_token than the config/);
  });

  test("a gateway that goes by another hs_token is told by what the homeserver was answered", async () => {
    await gateway.stop();
    const wrong = { MATRIX_HS_TOKEN: "b".repeat(64) };
    await start(wrong);
    const found = await doctor(wrong, "matrix.ping");
    assert.match(
      line(found, "matrix.ping"),
      /^fail: the homeserver reaches us and is refused \(40[13]\) -> matrix\.hs_token is not/,
    );
  });

  test("a key that the model's server does not take is told, and a model that is gone", async () => {
    const refused = await doctor({ LLM_API_KEY: "c".repeat(20) }, "models");
    assert.match(line(refused, "models.main"), /does not answer \(401\) -> backends\.main\.api_key is refused$/);
    await llama.stop();
    assert.match(
      line(await doctor({}, "models"), "models.main"),
      /does not answer \(ECONNREFUSED\) -> nothing listens at 127\.0\.0\.1:\d+/,
    );
  });
});
