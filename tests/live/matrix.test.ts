/** The shipped gateway between a real Synapse, a real matrix-js-sdk client and a real llama-server, in unencrypted rooms. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseEnv } from "node:util";
import { EventType, Preset, Visibility } from "matrix-js-sdk";
import { newKey } from "../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { type Llama, startLlama } from "./support/llama.ts";
import { type Person, startPerson } from "./support/person.ts";
import { claw, type ShippedGateway, startShipped } from "./support/shipped.ts";
import { startSynapse, type Synapse } from "./support/synapse.ts";

const ops = "@agent_ops:home.test";
const helper = "@agent_helper:home.test";

describe("the gateway on a real Synapse", () => {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-live-"));
  const file = (name: string): string => join(directory, name);
  let environment: Record<string, string> = {};
  const retired = { as: "", hs: "" };
  let database: TestDatabase;
  let llama: Llama;
  let synapse: Synapse;
  let gateway: ShippedGateway;
  let ada: Person;
  let mallory: Person;
  let room: string;
  let privatePort: number;
  let publicPort: number;

  const config = (): string => `
[listen]
public = "127.0.0.1:${publicPort}"
private = "127.0.0.1:${privatePort}"
[matrix]
homeserver = "${synapse?.url ?? "http://127.0.0.1:1"}"
server_name = "home.test"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
previous_as_token = { env = "MATRIX_AS_TOKEN_PREVIOUS" }
previous_hs_token = { env = "MATRIX_HS_TOKEN_PREVIOUS" }
[backends.main]
base_url = "${llama.url}"
api_key = { env = "LLM_API_KEY" }
model = "${llama.model}"
[rate]
principal_per_minute = 1000
room_per_minute = 1000
principal_runs = 100

[groups.owners]
members = ["matrix:@ada:home.test"]
agents = ["*"]
tools = ["*"]
[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "prompt.md"
tools = ["time_now"]
matrix = { localpart = "agent_ops", display_name = "Ops", require_encryption = false, rooms = [${room ? `"${room}"` : ""}] }
[agents.helper]
description = "Helps"
backend = "main"
prompt = "prompt.md"
tools = []
matrix = { localpart = "agent_helper", require_encryption = false, rooms = [${room ? `"${room}"` : ""}] }
`;

  const readTokens = (): void => void Object.assign(environment, parseEnv(readFileSync(file("tokens.env"), "utf8")));
  const restart = async (): Promise<void> => {
    await gateway.stop();
    gateway = await startShipped(environment, file("gateway.log"));
  };

  before(async () => {
    [privatePort, database, llama] = await Promise.all([
      freePort(),
      createTestDatabase(),
      startLlama({ apiKey: "live-key" }),
    ]);
    publicPort = await freePort();
    environment = {
      OPENCLAW_CONFIG: file("openclaw.toml"),
      OPENCLAW_KEY: newKey(),
      LLM_API_KEY: "live-key",
      DATABASE_URL: database.url,
    };
    writeFileSync(file("prompt.md"), "You help with the homelab.\n");

    const registered = await claw(
      environment,
      "matrix",
      "register",
      "--server-name",
      "home.test",
      "--url",
      `http://127.0.0.1:${publicPort}`,
      "--out",
      file("appservice.yaml"),
      "--env",
      file("tokens.env"),
    );
    assert.equal(registered.code, 0, registered.output);
    readTokens();
    synapse = await startSynapse({ registration: file("appservice.yaml"), serverName: "home.test" });
    ada = await startPerson(synapse.url, await synapse.registerUser("ada", "secret"));
    mallory = await startPerson(synapse.url, await synapse.registerUser("mallory", "secret"));
    room = (await ada.client.createRoom({ preset: Preset.PrivateChat, visibility: Visibility.Private, name: "Ops" }))
      .room_id;
    writeFileSync(file("openclaw.toml"), config());
    gateway = await startShipped(environment, file("gateway.log"));
  });

  after(async () => {
    ada?.stop();
    mallory?.stop();
    await gateway?.stop();
    await Promise.all([synapse?.stop(), llama?.stop()]);
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  test("the registration is written 0600 and Synapse takes it", () => {
    assert.equal(statSync(file("appservice.yaml")).mode & 0o777, 0o600);
  });

  test("provisioning makes the agents and says who has to be invited", async () => {
    const provisioned = await claw(environment, "matrix", "provision");
    assert.equal(provisioned.code, 0, provisioned.output);
    assert.match(provisioned.output, /@agent_ops:home\.test/);
    const profile = await ada.client.getProfileInfo(ops);
    assert.equal(profile.displayname, "Ops");
  });

  test("the homeserver reaches the gateway, and readiness says so", async () => {
    const ready = await untilReady(`http://127.0.0.1:${privatePort}/readyz`);
    assert.equal(ready["ok"], true);
    assert.match(JSON.stringify(ready["matrix"]), /reaches us/);
  });

  test("an invited agent joins its room and answers when mentioned, with a tool call in the journal", async () => {
    await ada.client.invite(room, ops);
    await ada.until(room, "ops to join", (found) => found.getMember(ops)?.membership === "join");
    const asked = await ada.say(room, "Ops: what time is it?", { "m.mentions": { user_ids: [ops] } });
    const answer = await ada.event(
      room,
      "the answer",
      (event) => event.getSender() === ops && event.getType() === "m.room.message",
    );
    assert.equal(answer.getContent()["m.relates_to"]?.["m.in_reply_to"]?.event_id, asked);
    const steps = await database.sql<{ type: string; tool_name: string | null }[]>`
      select j.type, j.tool_name from journal j join runs r on r.id = j.run_id where r.agent = 'ops' order by j.run_id, j.seq`;
    assert.deepEqual(
      steps.filter(({ tool_name }) => tool_name).map(({ type, tool_name }) => `${type} ${tool_name}`),
      ["tool.requested time_now", "tool.finished time_now"],
    );
    await ada.until(room, "a read receipt", (found) => found.hasUserReadEvent(ops, asked));
  });

  test("a message that mentions nobody is left alone in a room with others", async () => {
    const before = ada.messagesOf(room, ops).length;
    await ada.say(room, "nothing for you");
    await ada.say(room, "!status Ops", { "m.mentions": { user_ids: [ops] } });
    await ada.event(
      room,
      "the status",
      (event) => event.getSender() === ops && /idle|working/.test(String(event.getContent()["body"])),
    );
    assert.equal(ada.messagesOf(room, ops).length, before + 1);
  });

  test("a thread is answered in the thread", async () => {
    const root = await ada.say(room, "a root");
    const { event_id } = await ada.client.sendEvent(room, EventType.RoomMessage, {
      msgtype: "m.text",
      body: "Ops, in here",
      "m.mentions": { user_ids: [ops] },
      "m.relates_to": { rel_type: "m.thread", event_id: root },
    } as never);
    assert.ok(event_id);
    const answer = await ada.event(
      room,
      "the answer in the thread",
      (event) => event.getSender() === ops && event.getContent()["m.relates_to"]?.event_id === root,
    );
    assert.equal(answer.getContent()["m.relates_to"]?.rel_type, "m.thread");
  });

  test("a direct chat is joined by the inviter's right and needs no mention", async () => {
    const direct = (
      await ada.client.createRoom({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [helper] })
    ).room_id;
    await ada.until(direct, "helper to join", (found) => found.getMember(helper)?.membership === "join");
    await ada.say(direct, "hello");
    await ada.event(
      direct,
      "an answer",
      (event) => event.getSender() === helper && event.getType() === "m.room.message",
    );
  });

  test("an invite by a stranger is declined, and so is a room the config does not name", async () => {
    const theirs = (
      await mallory.client.createRoom({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [helper] })
    ).room_id;
    await mallory.until(theirs, "helper to decline", (found) => found.getMember(helper)?.membership === "leave");
    const other = (await ada.client.createRoom({ preset: Preset.PrivateChat, invite: [ops] })).room_id;
    await ada.until(other, "ops to decline", (found) => found.getMember(ops)?.membership === "leave");
  });

  test("killed while it works, it answers every message once after a restart", async () => {
    const direct = (await ada.client.createRoom({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [ops] }))
      .room_id;
    await ada.until(direct, "ops to join", (found) => found.getMember(ops)?.membership === "join");
    for (let round = 1; round <= 8; round++) {
      await ada.say(direct, `round ${round}`);
      await new Promise((resolve) => setTimeout(resolve, (round * 37) % 150));
      await gateway.kill();
      gateway = await startShipped(environment, file("gateway.log"));
      await ada.until(direct, `answer ${round}`, () => ada.messagesOf(direct, ops).length >= round);
      assert.equal(ada.messagesOf(direct, ops).length, round);
    }
    const [open] = await database.sql`select count(*)::int as count from runs where state = 'running'`;
    assert.equal(open?.["count"], 0);
  });

  test("a room that turns encryption on between two messages gets no plaintext any more", async () => {
    const direct = (await ada.client.createRoom({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [ops] }))
      .room_id;
    await ada.until(direct, "ops to join", (found) => found.getMember(ops)?.membership === "join");
    await ada.say(direct, "before");
    await ada.event(
      direct,
      "the first answer",
      (event) => event.getSender() === ops && event.getType() === "m.room.message",
    );
    await ada.client.sendStateEvent(direct, EventType.RoomEncryption, { algorithm: "m.megolm.v1.aes-sha2" });
    await ada.client.sendEvent(direct, EventType.RoomMessage, { msgtype: "m.text", body: "after" } as never);
    // This client does not encrypt: anybody at the homeserver could have written that.
    await until("the message to be refused", async () => {
      const [row] = await database.sql`
        select count(*)::int as count from inbox where state = 'refused' and lane like ${`%${direct}%`}`;
      return row?.["count"] === 1;
    });
    await ada.until(direct, "the reason, encrypted", (found) =>
      found
        .getLiveTimeline()
        .getEvents()
        .some((event) => event.getSender() === ops && event.getType() === "m.room.encrypted"),
    );
    assert.equal(ada.messagesOf(direct, ops).length, 1);
  });

  test("its tokens are rotated, the gateway restarted first, and afterwards the old ones are refused", async () => {
    const direct = (await ada.client.createRoom({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [ops] }))
      .room_id;
    await ada.until(direct, "ops to join", (found) => found.getMember(ops)?.membership === "join");
    let answers = 0;
    const asked = async (words: string): Promise<void> => {
      await ada.say(direct, words);
      answers += 1;
      await ada.until(direct, `an answer to ${words}`, () => ada.messagesOf(direct, ops).length >= answers);
    };
    [retired.as, retired.hs] = [environment["MATRIX_AS_TOKEN"] ?? "", environment["MATRIX_HS_TOKEN"] ?? ""];
    const files = ["--env", file("tokens.env"), "--out", file("appservice.yaml")];
    const rotated = await claw(environment, "matrix", "register", "--rotate", ...files);
    assert.equal(rotated.code, 0, rotated.output);
    readTokens();
    assert.deepEqual(
      [environment["MATRIX_AS_TOKEN_PREVIOUS"], environment["MATRIX_HS_TOKEN_PREVIOUS"]],
      [retired.as, retired.hs],
    );
    await restart();
    await asked("the homeserver knows the old ones alone");
    await synapse.restart(file("appservice.yaml"));
    await asked("the homeserver knows the new ones");
    await untilReady(`http://127.0.0.1:${privatePort}/readyz`);
    Object.assign(environment, { MATRIX_AS_TOKEN_PREVIOUS: "", MATRIX_HS_TOKEN_PREVIOUS: "" });
    await restart();
    await asked("nobody knows the old ones");
    assert.equal(ada.messagesOf(direct, ops).length, answers);

    const pushed = (token: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${publicPort}/_matrix/app/v1/transactions/forged`, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}` },
        body: '{"events":[]}',
      });
    assert.equal((await pushed(retired.hs)).status, 403);
    assert.equal((await pushed(environment["MATRIX_HS_TOKEN"] ?? "")).status, 200);
    const whoami = await fetch(`${synapse.url}/_matrix/client/v3/account/whoami`, {
      headers: { authorization: `Bearer ${retired.as}` },
    });
    assert.equal(whoami.status, 401);
  });

  test("the log holds no message, prompt or token", () => {
    const log = readFileSync(file("gateway.log"), "utf8");
    for (const canary of [
      "what time is it",
      "round 3",
      "You help with the homelab",
      environment["MATRIX_AS_TOKEN"] ?? "?",
      environment["MATRIX_HS_TOKEN"] ?? "?",
      retired.as,
      retired.hs,
      "live-key",
      environment["OPENCLAW_KEY"] ?? "?",
    ])
      assert.equal(log.includes(canary), false, canary);
  });
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 100) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited 30 s for ${what}`);
}

async function untilReady(url: string): Promise<Record<string, unknown>> {
  let last: Record<string, unknown> = {};
  await until("readiness", async () => {
    last = (await (await fetch(url)).json()) as Record<string, unknown>;
    return last["ok"] === true;
  });
  return last;
}
