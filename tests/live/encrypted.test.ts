/** The shipped gateway in encrypted rooms of a real Synapse, with matrix-js-sdk as the person: what is said there. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { EventType, Preset } from "matrix-js-sdk";
import { EventShieldColour } from "matrix-js-sdk/lib/crypto-api/index.js";
import type { EncryptedFile } from "./support/encrypted-attachment.ts";
import type { EncryptedPerson } from "./support/encrypted-person.ts";
import {
  answerWith,
  bodyOf,
  directChat,
  type EncryptedStage,
  helper,
  open,
  ops,
  repeat,
  startEncryptedStage,
  untilJoined,
} from "./support/encrypted-stage.ts";
import { type NioPerson, startNioPerson } from "./support/nio.ts";
import { poll } from "./support/poll.ts";

const picture = Buffer.concat([Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), randomBytes(20_000)]);

for (const flags of [false, true])
  describe(`an agent on Synapse ${flags ? "with the flags for application services" : "as it comes"}`, () => {
    let stage: EncryptedStage;
    let ada: EncryptedPerson;
    let room: string;

    before(async () => {
      stage = await startEncryptedStage({ flags });
      ada = await stage.person("ada");
      room = await ada.createEncryptedRoom({ name: "Ops" });
      stage.rooms.push(room);
      await stage.start();
      await ada.client.invite(room, ops);
      await untilJoined(ada, room, ops);
    });
    after(() => stage?.stop());

    test("reads the very first message of a room and answers it, for signed devices only", async () => {
      const asked = await ada.say(room, "first words");
      const answer = await answerWith(ada, room, ops, "first words");
      assert.equal(answer.isEncrypted(), true);
      assert.equal(answer.getContent()["m.relates_to"]?.["m.in_reply_to"]?.event_id, asked);
    });

    test("is ready, its device signed by an identity that the person sees", async () => {
      const ready = await stage.ready();
      for (const agent of ["ops", "helper", "open"]) {
        assert.equal(ready[`matrix.${agent}`]?.ok, true);
        assert.match(ready[`matrix.${agent}`]?.reason ?? "", /encrypted, device OPENCLAW/);
      }
      const devices = (await ada.crypto.getUserDeviceInfo([ops], true)).get(ops);
      assert.deepEqual([...(devices?.keys() ?? [])], ["OPENCLAW"]);
      const status = await ada.crypto.getDeviceVerificationStatus(ops, "OPENCLAW");
      assert.equal(status?.signedByOwner, true);
      const answer = await answerWith(ada, room, ops, "first words");
      const { shieldColour, shieldReason } = (await ada.crypto.getEncryptionInfoForEvent(answer)) ?? {};
      assert.deepEqual([shieldColour, shieldReason], [EventShieldColour.NONE, null]);
    });

    test("answers a reply, and a thread in the thread", async () => {
      const root = (await answerWith(ada, room, ops, "first words")).getId() ?? "";
      await ada.reply(room, root, "a reply to it");
      await answerWith(ada, room, ops, "a reply to it");
      const threaded = await ada.thread(room, root, "below it");
      const answer = await ada.decrypted(await answerWith(ada, room, ops, "below it"));
      assert.equal(answer.getContent()["m.relates_to"]?.rel_type, "m.thread");
      assert.equal(answer.getContent()["m.relates_to"]?.event_id, root);
      assert.ok(threaded);
    });

    test("shows the model an image, and no ciphertext of it", async () => {
      await ada.sendImage(room, picture, "image/png", "rack.png");
      await answerWith(ada, room, ops, "image");
      const seen = stage.model.requests.flatMap(({ body }) => imagesIn(body["messages"]));
      assert.deepEqual(seen, [picture.toString("base64")]);
    });

    for (const [name, content, encoding] of [
      ["table.csv", Buffer.from("a,b\n1,2\n"), "text"],
      ["graph.png", picture, "base64"],
    ] as const)
      test(`sends the file ${name} by a tool, and only the room can read it`, async () => {
        const call = { name, content: content.toString(encoding === "text" ? "utf8" : "base64"), encoding };
        stage.model.setScript((request) =>
          request.messages.at(-1)?.role === "tool"
            ? { text: `There is ${name}.` }
            : { toolCalls: [{ name: "files_send", arguments: call }] },
        );
        await ada.say(room, `send me ${name}`);
        await answerWith(ada, room, ops, `There is ${name}`);
        stage.model.setScript(repeat);
        const event = await ada.message(room, ops, name);
        assert.equal(event.isEncrypted(), true);
        assert.equal(event.getContent().url, undefined);
        assert.deepEqual(await ada.download(event.getContent().file as EncryptedFile), content);
      });

    test("lets a waiting message be edited, and leaves reactions and redactions alone", async () => {
      const held = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      stage.model.setScript(async (request) => {
        if (JSON.stringify(request.messages.at(-1)).includes("take your time")) {
          begun.resolve();
          await held.promise;
        }
        return repeat(request);
      });
      await ada.say(room, "take your time");
      await begun.promise;
      const draft = await ada.say(room, "the draft");
      const taken = await ada.say(room, "to be taken back");
      const edit = await ada.edit(room, draft, "the corrected words");
      await ada.client.redactEvent(room, taken);
      await ada.react(room, draft, "👍");
      await poll("the edit to be read and the redaction to be applied", async () => {
        const [row] = await stage.sql<{ count: number }[]>`
          select count(*)::int as count from inbox
          where source like ${`%${edit}%#encrypted`} and state = 'done' or source like ${`%${taken}%`} and reason = 'redacted'`;
        return row?.count === 2 || undefined;
      });
      held.resolve();
      await answerWith(ada, room, ops, "the corrected words");
      stage.model.setScript(repeat);
      const answer = await answerWith(ada, room, ops, "take your time");
      await ada.react(room, answer.getId() ?? "", "❤️");
      await ada.client.redactEvent(room, draft);
      await ada.say(room, "and still there?");
      await answerWith(ada, room, ops, "and still there?");
      const said = ada.messagesOf(room, ops).map(bodyOf).join("\n");
      assert.doesNotMatch(said, /the draft|to be taken back/);
    });

    test("joins a direct chat by the inviter's right and answers there", async () => {
      const direct = await directChat(ada, helper);
      await ada.say(direct, "just us");
      await answerWith(ada, direct, helper, "just us");
    });

    test("changes its key as often as the room wants, and reads those of others", async () => {
      const direct = await directChat(ada, ops, { rotationMessages: 1 });
      for (const text of ["alpha", "beta", "gamma"]) {
        await ada.say(direct, text);
        await answerWith(ada, direct, ops, text);
      }
      const sessions = ada.messagesOf(direct, ops).map((event) => String(event.getWireContent()["session_id"]));
      assert.equal(new Set(sessions).size, sessions.length);
    });

    test("says in a room without encryption that it wants it, and answers once it is turned on", async () => {
      const { room_id: plain } = await ada.client.createRoom({
        preset: Preset.TrustedPrivateChat,
        is_direct: true,
        invite: [helper],
      });
      await untilJoined(ada, plain, helper);
      await ada.say(plain, "in the clear");
      await answerWith(ada, plain, helper, "only in encrypted rooms");
      await ada.client.sendStateEvent(plain, EventType.RoomEncryption, { algorithm: "m.megolm.v1.aes-sha2" });
      await poll(
        "her client to encrypt there",
        async () => (await ada.crypto.isEncryptionEnabledInRoom(plain)) || undefined,
      );
      await ada.say(plain, "in secret now");
      const answer = await answerWith(ada, plain, helper, "in secret now");
      assert.equal(answer.isEncrypted(), true);
      assert.doesNotMatch(ada.messagesOf(plain, helper).map(bodyOf).join("\n"), /in the clear/);
    });

    test("understands a client of another family, which cannot cross-sign", async () => {
      const user = await stage.synapse.registerUser("nora", "secret");
      const nora: NioPerson = stage.keep(await startNioPerson({ url: stage.synapse.url, user }));
      const shared = await createEncryptedChat(stage.synapse.url, user.accessToken, open);
      await nora.joined(shared, open);
      for (const text of ["hello from nio", "and once more"]) {
        await nora.say(shared, text);
        const answer = await nora.event(
          shared,
          `an answer to "${text}"`,
          ({ sender, body }) => sender === open && body?.includes(text) === true,
        );
        assert.deepEqual([answer.encrypted, answer.type], [true, "m.room.message"]);
      }
    });

    test("answers 30 messages one after the other", async (t) => {
      const direct = await directChat(ada, helper);
      const times: number[] = [];
      for (let index = 0; index < 31; index++) {
        const began = performance.now();
        await ada.say(direct, `round ${index}.`);
        await answerWith(ada, direct, helper, `round ${index}.`);
        times.push(performance.now() - began);
      }
      const [first = 0, ...later] = times;
      later.sort((a, b) => a - b);
      const at = (share: number): string => (later[Math.ceil(share * later.length) - 1] ?? 0).toFixed(0);
      t.diagnostic(
        `encrypted round trip${flags ? " with flags" : ""}: first ${first.toFixed(0)} ms, then p50 ${at(0.5)} ms, p95 ${at(0.95)} ms of ${later.length}`,
      );
    });

    test("leaves not one word in the clear on the homeserver", async () => {
      let seen = 0;
      for (const { roomId } of ada.client.getRooms()) {
        const stored = await stage.synapse.storedEvents(ada.user, roomId);
        const encryptedAt = stored.findIndex(({ type }) => type === "m.room.encryption");
        const said = stored
          .slice(encryptedAt)
          .filter(({ sender, state_key }) => sender.startsWith("@agent_") && state_key === undefined);
        seen += said.length;
        assert.deepEqual(
          said.filter(({ type }) => type !== "m.room.encrypted"),
          [],
        );
      }
      assert.ok(seen > 40, `${seen} events`);
      assert.doesNotMatch(stage.log(), /first words|hello from nio|just us|a,b/);
    });
  });

/** The images in a request's messages, in base64. */
function imagesIn(messages: unknown): string[] {
  const parts = (messages as { content?: { image_url?: { url?: string } }[] | string }[]).flatMap(({ content }) =>
    typeof content === "object" ? content : [],
  );
  return parts.flatMap(({ image_url }) => image_url?.url?.split(",")[1] ?? []);
}

/** For a client that makes no rooms: a direct chat, encrypted, with somebody. */
async function createEncryptedChat(url: string, accessToken: string, invite: string): Promise<string> {
  const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
  const body = { preset: "trusted_private_chat", is_direct: true, invite: [invite], initial_state: [encryption] };
  const response = await fetch(`${url}/_matrix/client/v3/createRoom`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}` },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
  return ((await response.json()) as { room_id: string }).room_id;
}
