/** Questions to approvers in an encrypted room of a real Synapse, answered by reactions of matrix-js-sdk. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { obeying } from "../support/approvals.ts";
import { type EncryptedPerson, startEncryptedPerson } from "./support/encrypted-person.ts";
import {
  answerWith,
  bodyOf,
  type EncryptedStage,
  ops,
  startEncryptedStage,
  untilJoined,
} from "./support/encrypted-stage.ts";
import { poll } from "./support/poll.ts";
import type { ShippedGateway } from "./support/shipped.ts";

describe("an approval in an encrypted room of Synapse", () => {
  let stage: EncryptedStage;
  let gateway: ShippedGateway;
  let ada: EncryptedPerson;
  let room: string;
  let expiresMinutes = 30;

  /** Bob may talk to the agents and approve nothing. */
  const config = (toml: string): string => `${toml
    .replace('"matrix:@bob:home.test", ', "")
    .replace("[groups.owners]\n", "[groups.owners]\napprove = true\n")
    .replace('tools = ["files_send"]', 'tools = ["commitments_*"]\nask = ["commitments_add"]')}
[groups.family]
members = ["matrix:@bob:home.test"]
agents = ["*"]
[approvals]
expires_minutes = ${expiresMinutes}
`;

  before(async () => {
    stage = await startEncryptedStage({ script: obeying, config });
    ada = await stage.person("ada");
    room = await ada.createEncryptedRoom({ name: "Ops" });
    stage.rooms.push(room);
    gateway = await stage.start();
    await ada.client.invite(room, ops);
    await untilJoined(ada, room, ops);
  });
  after(() => stage?.stop());

  /** Has the agent ask; the question as Ada's client shows it. */
  async function asked(what: string) {
    await ada.say(room, `add ${what}`);
    const question = await answerWith(ada, room, ops, `"text": "${what}"`);
    const code = /!approve (\w{6})/.exec(bodyOf(question))?.[1] ?? "";
    return { question, code, target: question.getId() ?? "" };
  }

  const stateOf = async (code: string) => {
    const [row] = await stage.sql<{ state: string; by: string | null }[]>`
      select state, decided_by as by from approvals where code = ${code}`;
    return row && [row.state, row.by];
  };

  const handled = (eventId: string): Promise<{ state: string }> =>
    poll("the reaction to be worked on", async () => {
      const [row] = await stage.sql<{ state: string }[]>`
        select state from inbox where source like ${`matrix:${eventId}:%`} and state <> 'new'`;
      return row;
    });

  const committed = async (): Promise<number> => (await stage.sql`select 1 from commitments`).length;

  test("is asked encrypted, with both answers put beside it, and a tap of the approver runs the call", async () => {
    const { question, code, target } = await asked("water");
    assert.equal(question.isEncrypted(), true);
    for (const key of ["✅", "❌"])
      await ada.event(room, `the agent to react with ${key}`, (event) => {
        const relation = event.getRelation();
        return event.getSender() === ops && relation?.event_id === target && relation.key === key;
      });
    await ada.react(room, target, "✅");
    const line = await answerWith(ada, room, ops, "approved by");
    assert.equal(bodyOf(line), "✅ `commitments_add` approved by `matrix:@ada:home.test`.");
    const answer = await answerWith(ada, room, ops, "Results: Added #1 water");
    assert.equal(answer.isEncrypted(), true);
    assert.deepEqual(await stateOf(code), ["approved", "matrix:@ada:home.test"]);
    assert.equal(await committed(), 1);
  });

  test("is not given by a stranger, nor by somebody who is no approver", async () => {
    const { code, target } = await asked("sugar");
    const eve = stage.keep(
      await startEncryptedPerson(stage.synapse.url, await stage.synapse.registerUser("eve", "secret")),
    );
    const bob = await stage.person("bob");
    for (const person of [eve, bob]) {
      await ada.client.invite(room, person.userId);
      await person.join(room);
    }
    assert.equal((await handled(await eve.react(room, target, "✅"))).state, "denied");
    assert.equal((await handled(await bob.react(room, target, "✅"))).state, "done");
    await answerWith(ada, room, ops, `There is no question \`${code}\` that you may answer.`);
    assert.deepEqual(await stateOf(code), ["pending", null]);
    await ada.react(room, target, "❌");
    await answerWith(ada, room, ops, "Results: Refused: a person said no");
    assert.deepEqual(await stateOf(code), ["denied", "matrix:@ada:home.test"]);
    assert.equal(await committed(), 1);
  });

  test("given while the gateway is down counts when it is back, and a second one changes nothing", async () => {
    const { code, target } = await asked("salt");
    await poll("the reactions to be sent", async () => {
      const rows = await stage.sql`select 1 from outbox where state <> 'sent'`;
      return rows.length === 0 || undefined;
    });
    await gateway.kill();
    await ada.react(room, target, "✅");
    gateway = await stage.start();
    await answerWith(ada, room, ops, "Results: Added #2 salt");
    await ada.react(room, target, "❌");
    await answerWith(ada, room, ops, "Already decided: ✅");
    assert.deepEqual(await stateOf(code), ["approved", "matrix:@ada:home.test"]);
    assert.equal(await committed(), 2);
  });

  test("is too late after it has expired", async () => {
    expiresMinutes = 0.02;
    await gateway.stop();
    gateway = await stage.start();
    const { code, target } = await asked("pepper");
    await answerWith(ada, room, ops, "Results: Not done: nobody approved");
    await answerWith(ada, room, ops, "⌛ `commitments_add` expired");
    await ada.react(room, target, "✅");
    await answerWith(ada, room, ops, "Already decided: ⌛");
    assert.deepEqual(await stateOf(code), ["expired", null]);
    assert.equal(await committed(), 2);
  });
});
