/** Whom an agent believes and who believes it, with matrix-js-sdk as the person and a real Synapse between. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { MatrixEvent } from "matrix-js-sdk";
import { knownIdentities, trustIdentity } from "../../lib/ledger/matrix-identities.ts";
import { answerRequest, askGateway, type MatrixRequest, requestById } from "../../lib/ledger/matrix-requests.ts";
import { type EncryptedPerson, login } from "./support/encrypted-person.ts";
import {
  answerWith,
  directChat,
  type EncryptedStage,
  helper,
  ops,
  startEncryptedStage,
} from "./support/encrypted-stage.ts";
import { poll } from "./support/poll.ts";
import type { Verification } from "./support/sas.ts";

describe("between an agent and the people of a real Synapse", () => {
  let stage: EncryptedStage;
  let ada: EncryptedPerson;
  let bob: EncryptedPerson;
  let room: string;

  before(async () => {
    stage = await startEncryptedStage();
    ada = await stage.person("ada");
    bob = await stage.person("bob");
    await stage.start();
    room = await directChat(ada, ops);
    await ada.say(room, "good morning");
    await answerWith(ada, room, ops, "good morning");
  });
  after(() => stage?.stop());

  test("a device that its owner has not signed gets no run, no key and a reason", async () => {
    const stranger = stage.keep(await login(stage.synapse.url, ada.user));
    await stranger.say(room, "from the stranger");
    await answerWith(ada, room, ops, "from a session");
    await ada.say(room, "from herself");
    const answer = await answerWith(ada, room, ops, "from herself");
    const why = await stranger.undecryptable(room, answer.getId() ?? "");
    assert.equal(why, "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE");
    neverShown("from the stranger");
  });

  test("the person asks to be verified, and the operator compares the emoji", async () => {
    const mine = await ada.askToVerify(room, ops);
    const id = await askGateway(stage.sql, ops, "verify", { person: ada.userId });
    await agree(id, ada, mine);
    const answered = await answerAfter(ada, room, "now that we know each other");
    assert.equal(answered.isEncrypted(), true);
  });

  test("the operator asks a person to be verified, in the direct chat of the two", async () => {
    const theirs = await directChat(bob, ops);
    const id = await askGateway(stage.sql, ops, "verify", { person: bob.userId });
    await agree(id, bob, await bob.acceptToVerify(theirs, ops));
  });

  test("emoji that differ verify nobody", async () => {
    const theirs = await directChat(ada, helper);
    const id = await askGateway(stage.sql, helper, "verify", { person: ada.userId });
    const mine = await ada.acceptToVerify(theirs, helper);
    await emojiOf(id);
    await answerRequest(stage.sql, id, "no");
    await assert.rejects(mine.confirm());
    await poll("the wish to have failed", async () => (await requestOf(id)).state === "failed" || undefined);
    assert.equal(await ada.isVerified(helper), false);
  });

  test("an identity that was reset gets no run and no key until it is verified again", async () => {
    await bob.resetIdentity();
    // What his old identity had verified is in doubt for his client, until he says otherwise.
    await bob.crypto.withdrawVerificationRequirement(ops);
    const theirs = bob.client.getRooms()[0]?.roomId ?? "";
    await bob.say(theirs, "after the reset");
    await poll("the message to be refused", async () => {
      const rows = await stage.sql`select 1 from inbox where reason = 'sender not believed: another identity'`;
      return rows.length > 0 || undefined;
    });
    neverShown("after the reset");
    const mine = await bob.askToVerify(theirs, ops);
    const id = await askGateway(stage.sql, ops, "verify", { person: bob.userId });
    await agree(id, bob, mine);
    await answerAfter(bob, theirs, "it is really me");
  });

  test("an identity that was reset is believed again once the operator trusts it", async () => {
    await ada.resetIdentity();
    await ada.crypto.withdrawVerificationRequirement(ops);
    await ada.say(room, "lost my keys");
    const masterKey = await poll("the new identity to be refused", async () => {
      const known = await knownIdentities(stage.sql, [ada.userId]);
      return known.get(ada.userId)?.seen.masterKey;
    });
    neverShown("lost my keys");
    await trustIdentity(stage.sql, ada.userId, masterKey, false);
    await answerAfter(ada, room, "it is still me");
  });

  test("a self-test of two agents reports each of its legs", async (t) => {
    const id = await askGateway(stage.sql, ops, "selftest", { peer: helper });
    await poll("the self-test to end", async () => (await requestOf(id)).state !== "open" || undefined);
    const { state, progress } = await requestOf(id);
    const legs = progress.map(({ text }) => text);
    t.diagnostic(legs.join("; "));
    assert.equal(state, "done", legs.join("\n"));
    assert.deepEqual(
      legs.map((leg) => leg.split(":")[0]),
      ["room", "sent", "received"],
    );
  });

  test("nothing of all that was said in the clear", async () => {
    for (const person of [ada, bob])
      for (const { roomId } of person.client.getRooms()) {
        const stored = await stage.synapse.storedEvents(person.user, roomId);
        const said = stored.filter(({ sender, state_key }) => sender.startsWith("@agent_") && state_key === undefined);
        assert.deepEqual(new Set(said.map(({ type }) => type)), new Set(["m.room.encrypted"]));
      }
  });

  async function answerAfter(person: EncryptedPerson, where: string, text: string): Promise<MatrixEvent> {
    await person.say(where, text);
    return answerWith(person, where, ops, text);
  }

  async function requestOf(id: number): Promise<MatrixRequest> {
    const request = await requestById(stage.sql, id);
    assert.ok(request);
    return request;
  }

  /** What the gateway shows the operator. */
  function emojiOf(id: number): Promise<string[]> {
    return poll("the gateway to show its emoji", async () => {
      const { state, progress } = await requestOf(id);
      if (state === "failed") throw new Error(progress.map(({ text }) => text).join("; "));
      return progress.flatMap(({ emoji }) => (emoji ? [emoji.map(({ symbol }) => symbol)] : []))[0];
    });
  }

  /** Both sides see the same and say so; each then knows the other. */
  async function agree(id: number, person: EncryptedPerson, theirs: Verification): Promise<void> {
    assert.deepEqual(await emojiOf(id), await theirs.emojis());
    await answerRequest(stage.sql, id, "yes");
    await theirs.confirm();
    await poll("the wish to be done", async () => {
      const { state, progress } = await requestOf(id);
      if (state === "failed") throw new Error(progress.map(({ text }) => text).join("; "));
      return state === "done" || undefined;
    });
    await person.untilVerified(ops);
    const known = await knownIdentities(stage.sql, [person.userId]);
    const shown = await person.crypto.getCrossSigningKeyId();
    assert.deepEqual([known.get(person.userId)?.verified, known.get(person.userId)?.masterKey], [true, shown]);
  }

  function neverShown(text: string): void {
    assert.equal(JSON.stringify(stage.model.requests).includes(text), false, text);
  }
});
