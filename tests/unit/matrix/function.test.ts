import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { hsToken, opsRoom, owner, put, said, stranger, testConfig, testFunction } from "./support.ts";

const bearer = { authorization: `Bearer ${hsToken}` };

describe("who may push", () => {
  for (const path of ["/_matrix/app/v1/transactions/1", "/transactions/1"])
    test(`${path} is refused without a token and with a wrong one, as JSON`, async () => {
      const { app, inbox } = testFunction();
      const missing = await put(app, [said("x")], { path, token: null });
      assert.equal(missing.status, 401);
      assert.equal(((await missing.json()) as { errcode: string }).errcode, "M_MISSING_TOKEN");
      for (const token of ["", "wrong", hsToken.slice(1), `${hsToken}x`]) {
        const wrong = await put(app, [said("x")], { path, token });
        assert.equal(wrong.status, 403);
        assert.equal(((await wrong.json()) as { errcode: string }).errcode, "M_FORBIDDEN");
      }
      assert.equal(inbox.entries.size, 0);
    });

  test("the query's token counts only where there is no header", async () => {
    const { app } = testFunction();
    const path = `/_matrix/app/v1/transactions/1?access_token=${hsToken}`;
    assert.equal((await put(app, [], { path, token: null })).status, 200);
    assert.equal((await put(app, [], { path, token: "wrong" })).status, 403);
  });

  test("CVE-2026-44109: an empty configured secret lets nobody in", async () => {
    const { app } = testFunction({ config: () => testConfig({ hsToken: "" }) });
    for (const token of ["", "x"]) assert.notEqual((await put(app, [], { token })).status, 200);
    const path = "/_matrix/app/v1/transactions/1?access_token=";
    assert.equal((await put(app, [], { path, token: null })).status, 401);
  });

  test("CVE-2026-44109: without [matrix] there is nothing to push to", async () => {
    const { app } = testFunction({ config: () => testConfig({ matrix: null }) });
    assert.equal((await put(app, [said("x")])).status, 404);
  });

  test("CVE-2026-28475: tokens of any length and shape are compared without an early answer or an error", async () => {
    const { app } = testFunction();
    for (const token of ["a", "a".repeat(5_000), hsToken.toUpperCase(), "ÿ"]) {
      assert.equal((await put(app, [], { token })).status, 403);
    }
  });

  test("CVE-2026-32980: nothing of the body is read before the token is found right", async () => {
    const { app } = testFunction();
    let pulled = false;
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled = true;
          controller.enqueue(new Uint8Array(10));
        },
      },
      { highWaterMark: 0 },
    );
    const response = await app.request("/_matrix/app/v1/transactions/1", {
      method: "PUT",
      headers: { authorization: "Bearer wrong" },
      body,
      duplex: "half",
    });
    assert.equal(response.status, 403);
    assert.equal(pulled, false);
  });

  test("CVE-2026-45005: a rotated token is refused at once, the new one works", async () => {
    let config = testConfig();
    const { app } = testFunction({ config: () => config });
    assert.equal((await put(app, [])).status, 200);
    config = testConfig({ hsToken: "rotated" });
    assert.equal((await put(app, [])).status, 403);
    assert.equal((await put(app, [], { token: "rotated" })).status, 200);
  });

  test("the queries and the ping want the token too", async () => {
    const { app } = testFunction();
    for (const path of ["users/x", "rooms/x", "thirdparty/user", "thirdparty/protocol/x"])
      assert.equal((await app.request(`/_matrix/app/v1/${path}`)).status, 401);
    assert.equal((await app.request("/_matrix/app/v1/ping", { method: "POST" })).status, 401);
    assert.equal((await app.request("/users/x")).status, 401);
  });
});

describe("transactions", () => {
  test("a message is committed, then acknowledged with JSON", async () => {
    const { app, inbox } = testFunction();
    const response = await put(app, [said("Ops: hello")]);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {});
    assert.equal(inbox.all()[0]?.state, "new");
  });

  test("what cannot be committed is answered 500 and not recorded as seen", async () => {
    const { app, inbox, seen } = testFunction();
    inbox.broken = true;
    assert.equal((await put(app, [said("Ops: hello")], { id: "7" })).status, 500);
    await setImmediate();
    assert.equal(seen.size, 0);
  });

  test("a poison event in the middle is recorded and the rest goes on", async () => {
    const { app, inbox, logText } = testFunction();
    const poison = said("canary-in-poison", { event_id: "$a\u0000b" });
    const response = await put(app, [said("Ops: one"), poison, 7, null, said("Ops: two")]);
    assert.equal(response.status, 200);
    assert.deepEqual(
      inbox.all().map((entry) => [entry.kind, entry.state]),
      [
        ["message", "new"],
        ["other", "poison"],
        ["other", "poison"],
        ["other", "poison"],
        ["message", "new"],
      ],
    );
    assert.ok(inbox.all().every((entry) => entry.state === "new" || entry.body === undefined));
    assert.doesNotMatch(logText(), /canary-in-poison/);
  });

  test("the same transaction again does nothing, even in another life of the process", async () => {
    const first = testFunction();
    const events = [said("Ops: hello")];
    await put(first.app, events, { id: "7" });
    await setImmediate();
    await put(first.app, events, { id: "7" });
    assert.equal(first.inbox.commits, 1);

    const second = testFunction();
    for (const entry of first.seen) second.seen.add(entry);
    await put(second.app, events, { id: "7" });
    assert.equal(second.inbox.commits, 0);
  });

  test("a homeserver made anew counts from one again and is heard", async () => {
    const { app, inbox } = testFunction();
    await put(app, [said("Ops: one")], { id: "1" });
    await setImmediate();
    await put(app, [said("Ops: two")], { id: "1" });
    assert.equal(inbox.entries.size, 2);
  });

  test("CVE-2026-41395: a replay under another id, path or query adds nothing", async () => {
    const { app, inbox } = testFunction();
    const events = [said("Ops: hello")];
    await put(app, events, { id: "1" });
    await put(app, events, { id: "2" });
    await put(app, events, { path: "/transactions/1?b=2&a=1" });
    await put(app, [...events, said("x", { type: "m.room.topic" })], {
      path: "/_matrix/app/v1/transactions/3?a=1&b=2",
    });
    assert.equal(inbox.entries.size, 1);
  });

  test("five pushes of one message at the same time are one entry", async () => {
    const { app, inbox } = testFunction();
    const events = [said("Ops: hello")];
    await Promise.all([1, 2, 3, 4, 5].map((id) => put(app, events, { id: String(id) })));
    assert.equal(inbox.entries.size, 1);
  });

  test("a body that is no transaction is refused, a too long one too, declared or not", async () => {
    const { app } = testFunction();
    for (const body of ["", "{", "[]", "{}", '{"events":{}}']) assert.equal((await put(app, [], { body })).status, 400);
    const request = (headers: Record<string, string>, body: string | ReadableStream) =>
      app.request("/_matrix/app/v1/transactions/1", {
        method: "PUT",
        headers: { ...bearer, ...headers },
        body,
        duplex: "half",
      });
    assert.equal((await request({ "content-length": String(21 * 1024 * 1024) }, "{}")).status, 413);
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    assert.equal((await request({}, endless)).status, 413);
    assert.ok(sent < 25, `${sent} MB were read`);
  });

  test("a transaction of receipts and typing costs no query", async () => {
    const { app, inbox } = testFunction();
    const body = JSON.stringify({ events: [], ephemeral: [{ type: "m.typing" }] });
    assert.equal((await put(app, [], { body })).status, 200);
    assert.equal(inbox.commits, 0);
  });

  test("a message and its edit in one transaction are one entry with the new words", async () => {
    const { app, inbox } = testFunction();
    const first = said("Ops: teh", { event_id: "$first" });
    const edit = (sender: string, room = opsRoom): object => ({
      ...said("", { sender, room_id: room }),
      content: {
        msgtype: "m.text",
        body: "* the",
        "m.relates_to": { rel_type: "m.replace", event_id: "$first" },
        "m.new_content": { msgtype: "m.text", body: `by ${sender}` },
      },
    });
    await put(app, [first, edit(stranger), edit(owner, "!other:home.example"), edit(owner)]);
    const [entry] = inbox.all();
    assert.equal((entry?.body as { text: string }).text, `by ${owner}`);
  });

  test("a message and its redaction in one transaction leave no body", async () => {
    const { app, inbox } = testFunction();
    await put(app, [said("Ops: oh", { event_id: "$r" }), said("", { type: "m.room.redaction", redacts: "$r" })]);
    const [entry] = inbox.all();
    assert.deepEqual([entry?.state, entry?.reason, entry?.body], ["ignored", "redacted", undefined]);
  });
});

describe("queries", () => {
  const get = (path: string, method = "GET") => testFunction().app.request(path, { method, headers: bearer });

  test("agents and the service's own user are known, others are not", async () => {
    for (const prefix of ["/_matrix/app/v1", ""]) {
      for (const user of ["@agent_ops:home.example", "@openclaw:home.example"])
        assert.equal((await get(`${prefix}/users/${encodeURIComponent(user)}`)).status, 200);
      for (const user of ["@agent_ops:evil.example", "@agent_x:home.example", "%zz", "Ops"])
        assert.equal((await get(`${prefix}/users/${encodeURIComponent(user)}`)).status, 404);
      assert.equal((await get(`${prefix}/rooms/%23x%3Ahome.example`)).status, 404);
    }
  });

  test("third parties there are none, and a ping is answered", async () => {
    assert.deepEqual(await (await get("/_matrix/app/v1/thirdparty/user?x=1")).json(), []);
    assert.deepEqual(await (await get("/_matrix/app/v1/thirdparty/location/irc")).json(), []);
    assert.equal((await get("/_matrix/app/v1/thirdparty/protocol/irc")).status, 404);
    assert.equal((await get("/_matrix/app/v1/ping", "POST")).status, 200);
  });

  test("what there is not is said in JSON", async () => {
    const response = await get("/_matrix/app/v1/nothing");
    assert.equal(response.status, 404);
    assert.equal(((await response.json()) as { errcode: string }).errcode, "M_UNRECOGNIZED");
  });
});
