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
});
