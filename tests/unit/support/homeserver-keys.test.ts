import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { type StandInHomeserver, startHomeserver } from "../../support/homeserver.ts";

const agent = "@agent_ops:home.example";
const anna = "@anna:home.example";
const client = "/_matrix/client/v3";

interface Sync {
  readonly next_batch: string;
  readonly to_device?: { events: { content: { n: number } }[] };
  readonly device_lists?: { changed: string[]; left: string[] };
  readonly device_one_time_keys_count: Record<string, number>;
  readonly device_unused_fallback_key_types: string[];
}

describe("the stand-in homeserver", () => {
  let homeserver: StandInHomeserver;
  let gateway: Server;
  let personToken: string;
  let phone: string;
  const pushed: Record<string, unknown>[] = [];
  let failPushes = 0;

  before(async () => {
    homeserver = await startHomeserver({ flags: true, retryMs: 5 });
    homeserver.addAgent(agent);
    ({ accessToken: personToken, deviceId: phone } = homeserver.login(anna));
    gateway = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        pushed.push(JSON.parse(body) as Record<string, unknown>);
        response.writeHead((failPushes -= 1) >= 0 ? 500 : 200, { "content-type": "application/json" }).end("{}");
      });
    });
    await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  });
  after(async () => {
    await homeserver.close();
    gateway.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
  });

  async function call(token: string, method: string, path: string, body?: object): Promise<[number, object]> {
    const own = token === homeserver.asToken ? { user_id: agent, device_id: "OPENCLAW" } : {};
    const url = new URL(homeserver.url + client + path);
    for (const [key, value] of Object.entries(own)) url.searchParams.set(key, value);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return [answer.status, (await answer.json()) as object];
  }
  const asAgent = (method: string, path: string, body?: object) => call(homeserver.asToken, method, path, body);
  const asAnna = (method: string, path: string, body?: object) => call(personToken, method, path, body);
  const sync = async (since?: string, more = ""): Promise<Sync> =>
    (await asAgent("GET", `/sync?timeout=0${since === undefined ? "" : `&since=${since}`}${more}`))[1] as Sync;
  const tell = (txn: string, n: number, device = "OPENCLAW") =>
    asAnna("PUT", `/sendToDevice/m.test/${txn}`, { messages: { [agent]: { [device]: { n } } } });
  const numbers = (answer: Sync): number[] => (answer.to_device?.events ?? []).map(({ content }) => content.n);

  it("gives to-device messages again until a later sync names what came after, 100 at a time", async () => {
    for (let n = 0; n < 103; n += 1) await tell(`t${n}`, n, n % 2 ? "*" : "OPENCLAW");
    await tell("t0", 0);
    const first = await sync();
    assert.equal(numbers(first).length, 100);
    assert.deepEqual(numbers(await sync()), numbers(first));
    const second = await sync(first.next_batch);
    assert.deepEqual(numbers(second), [100, 101, 102]);
    assert.deepEqual(numbers(await sync(first.next_batch)), [100, 101, 102]);
    assert.deepEqual(numbers(await sync(second.next_batch)), []);
    assert.deepEqual(homeserver.toDevice(agent), []);
  });

  it("ends a waiting sync when something comes", async () => {
    const { next_batch } = await sync();
    const waiting = asAgent("GET", `/sync?timeout=5000&since=${next_batch}`);
    await tell("late", 7);
    assert.deepEqual(numbers((await waiting)[1] as Sync), [7]);
  });

  it("counts one-time keys, gives each once and then the fallback key", async () => {
    const uploaded = { one_time_keys: { "signed_curve25519:A": { key: "a" } } };
    const fallback = { fallback_keys: { "signed_curve25519:F": { key: "f" } } };
    const [, answer] = await asAgent("POST", "/keys/upload", { ...uploaded, ...fallback });
    assert.deepEqual(answer, { one_time_key_counts: { signed_curve25519: 1 } });
    const conflict = { one_time_keys: { "signed_curve25519:A": { key: "another" } } };
    assert.equal((await asAgent("POST", "/keys/upload", conflict))[0], 400);
    const claim = async () => {
      const body = { one_time_keys: { [agent]: { OPENCLAW: "signed_curve25519" } } };
      const given = (await asAnna("POST", "/keys/claim", body))[1] as { one_time_keys: Record<string, object> };
      return given.one_time_keys[agent];
    };
    assert.deepEqual((await sync()).device_unused_fallback_key_types, ["signed_curve25519"]);
    assert.deepEqual(await claim(), { OPENCLAW: { "signed_curve25519:A": { key: "a" } } });
    assert.deepEqual(await claim(), { OPENCLAW: { "signed_curve25519:F": { key: "f" } } });
    const { device_one_time_keys_count, device_unused_fallback_key_types } = await sync();
    assert.deepEqual([device_one_time_keys_count, device_unused_fallback_key_types], [{ signed_curve25519: 0 }, []]);
  });

  it("tells of changed devices only to those who share a room", async () => {
    const { next_batch: before } = await sync();
    const keys = { user_id: anna, device_id: phone, keys: {}, algorithms: [], signatures: {} };
    await asAnna("POST", "/keys/upload", { device_keys: keys });
    assert.deepEqual((await sync(before)).device_lists?.changed, []);
    const room = homeserver.createRoom({ members: [agent, anna] });
    const met = await sync(before);
    assert.deepEqual(met.device_lists?.changed, [anna]);
    assert.deepEqual((await sync(met.next_batch)).device_lists?.changed, []);
    void homeserver.setState(room, anna, "m.room.member", anna, { membership: "leave" });
    assert.deepEqual((await sync(met.next_batch)).device_lists, { changed: [], left: [anna] });
  });

  it("forgets a deleted device, keeps account data and makes rooms", async () => {
    assert.equal((await asAgent("PUT", "/devices/OLD", { display_name: "Old" }))[0], 201);
    assert.equal((await asAgent("PUT", "/devices/OLD", {}))[0], 200);
    assert.deepEqual((await asAgent("GET", "/devices/OLD"))[1], {
      device_id: "OLD",
      user_id: agent,
      display_name: "Old",
    });
    assert.equal((await asAgent("DELETE", "/devices/OLD"))[0], 200);
    assert.equal((await asAgent("GET", "/devices/OLD"))[0], 404);
    const path = `/user/${agent}/account_data/dev.test`;
    assert.deepEqual((await asAgent("GET", path))[1], { errcode: "M_NOT_FOUND", error: "M_NOT_FOUND" });
    await asAgent("PUT", path, { a: 1 });
    assert.deepEqual((await asAgent("GET", path))[1], { a: 1 });
    const encryption = { type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } };
    const made = await asAgent("POST", "/createRoom", { invite: [anna], initial_state: [encryption] });
    const { room_id } = made[1] as { room_id: string };
    assert.deepEqual(homeserver.members(room_id), [agent]);
    assert.equal(homeserver.membership(room_id, anna), "invite");
    assert.equal(homeserver.encrypted(room_id), true);
  });

  it("pushes to-device messages once only, as an experimental Synapse does", async () => {
    const address = gateway.address() as AddressInfo;
    homeserver.connect(`http://127.0.0.1:${address.port}`);
    const room = homeserver.createRoom({ members: [agent, anna] });
    await homeserver.say(room, anna, "all that waited has gone");
    pushed.length = 0;
    await tell("push", 1);
    await homeserver.say(room, anna, "one");
    assert.match(JSON.stringify(pushed), /de\.sorunome\.msc2409\.to_device.*to_device_id.*OPENCLAW/);
    pushed.length = 0;
    failPushes = 1;
    await tell("lost", 2);
    await homeserver.say(room, anna, "two");
    assert.equal(JSON.stringify(pushed).match(/to_device_id/g)?.length, 1);
    assert.equal(homeserver.failedPushes, 1);
    assert.ok(homeserver.toDevice(agent).some(({ content }) => content["n"] === 2));
    assert.ok(homeserver.dropToDevice(agent) > 0);
  });
});
