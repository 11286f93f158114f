import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EncryptedPerson } from "../support/encrypted-person.ts";
import { startEncryptedPerson } from "../support/encrypted-person.ts";
import type { StandInHomeserver } from "../support/homeserver.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn, withMatrix } from "../support/matrix-config.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let homeserver: StandInHomeserver;
let stage: Stage;
let owner: EncryptedPerson;
const room = "!secret:home.example";

before(async () => {
  homeserver = await startMatrixStandIn();
  homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
  stage = await startStage({
    script: { text: "Hello back." },
    config: (toml) =>
      withMatrix(toml, homeserver.url).replace(
        /matrix = \{.*\}/,
        `matrix = { localpart = "agent_ops", rooms = ["${room}"], answer = "always" }`,
      ),
  });
  homeserver.connect(stage.gateway.publicUrl);
  owner = await startEncryptedPerson(homeserver, matrixOwner);
  await until(async () => {
    const ready = (await (await fetch(`${stage.gateway.privateUrl}/readyz`)).json()) as Record<string, { ok: boolean }>;
    return ready["matrix"]?.ok && ready["matrix.ops"]?.ok;
  });
});
after(async () => {
  await owner.close();
  await homeserver.close();
  await stage.stop();
});

describe("an encrypted room", () => {
  test("is answered, encrypted, from the first message on", async () => {
    await owner.say(room, "hello in secret");
    const answer = await owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === "Hello back.");
    assert.equal(answer.type, "m.room.message");
    assert.deepEqual(
      homeserver.sent(room).map(({ type }) => type),
      ["m.room.encrypted"],
    );
    assert.equal(await owner.isSigned(matrixAgent, "OPENCLAW"), true);
  });

  test("a person who writes the mark of a self-test gets an answer like anybody, and ends no self-test", async () => {
    const [asked] = await stage.gateway.sql<{ id: number }[]>`
      insert into matrix_requests (user_id, kind, asked) values ('@nobody:home.example', 'selftest', '{}') returning id`;
    const before = stage.model.requests.length;
    const mark = { request: asked?.id, sentAt: 0 };
    await owner.say(room, { msgtype: "m.text", body: "not for you", "dev.openclaw.selftest": mark });
    await until(async () => stage.model.requests.length > before);
    const [row] = await stage.gateway.sql`select state from matrix_requests where id = ${asked?.id ?? 0}`;
    assert.equal(row?.["state"], "open");
  });

  test("a message that is sent again under another event id gets no second run", async () => {
    const first = await owner.say(room, "restart it");
    await until(async () => stage.model.requests.some(({ body }) => JSON.stringify(body).includes("restart it")));
    const before = stage.model.requests.length;
    const sent = homeserver.events.find(({ event_id }) => event_id === first);
    const copy = homeserver.post(room, matrixOwner, "m.room.encrypted", sent?.content ?? {});
    const source = `matrix:${copy.eventId}:${matrixAgent}`;
    const [row] = await until(
      () => stage.gateway.sql`select state, reason from inbox where source = ${source}`,
      (rows) => rows.length > 0,
    );
    assert.deepEqual([row?.["state"], row?.["reason"]], ["refused", "the same words as another event: a copy"]);
    await owner.say(room, "and this one");
    await until(async () => stage.model.requests.length > before);
    assert.doesNotMatch(JSON.stringify(stage.model.requests[before]?.body).slice(-200), /restart it/);
  });
});
