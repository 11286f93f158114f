import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { commitmentsOf, expire, matrixKid, obeying, pendingOf, withApprovals } from "../support/approvals.ts";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import type { StandInEvent } from "../support/homeserver.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

const principal = `matrix:${matrixOwner}`;

const reaction = (target: string, key: string) => ({
  "m.relates_to": { rel_type: "m.annotation", event_id: target, key },
});

/** The first that a stage makes. */
const operatorRoom = "!room1:home.example";

for (const encrypted of [false, true])
  describe(`approvals in a Matrix room ${encrypted ? "with" : "without"} encryption`, () => {
    let on: EncryptedStage;

    before(async () => {
      on = await startEncryptedStage({
        script: obeying,
        matrix: `require_encryption = ${encrypted}`,
        config: (toml) => withApprovals(`operator = "matrix:${operatorRoom}"\n${toml}`),
      });
      assert.equal(await on.room({ encrypted }), operatorRoom);
    });
    after(() => on.stop());

    const sql = () => on.stage.gateway.sql;

    /** What the agent said, as everybody there reads it. */
    const said = async (
      room: string,
    ): Promise<{ event: StandInEvent; body: string; content: Record<string, unknown> }[]> =>
      encrypted
        ? (await on.owner.answers(room, matrixAgent)).map(({ event, content }) => ({
            event,
            content,
            body: String(content["body"]),
          }))
        : on.homeserver
            .sent(room)
            .filter(({ type }) => type === "m.room.message")
            .map((event) => ({ event, content: event.content, body: String(event.content["body"]) }));

    const heard = async (room: string, pattern: RegExp) => {
      const found = await until(
        async () => (await said(room)).find(({ body }) => pattern.test(body)),
        (answer) => answer !== undefined,
      );
      assert.ok(found);
      return found;
    };

    const say = (room: string, text: string) =>
      encrypted ? on.owner.say(room, text) : on.homeserver.say(room, matrixOwner, text);

    const react = async (room: string, by: string, target: string, key: string): Promise<string> => {
      const { eventId, acknowledged } = on.homeserver.post(room, by, "m.reaction", reaction(target, key));
      await acknowledged;
      return eventId;
    };

    async function asked(text: string, members: readonly string[] = []) {
      const room = await on.room({ encrypted, members });
      await say(room, `add ${text}`);
      const question = await heard(room, /^\*\*Approve\?\*\*/);
      const { code, run_id: run } = await pendingOf(sql(), principal);
      return { room, code, run, question, target: question.event.event_id };
    }

    const stateOf = async (code: string) => {
      const [row] = await sql()<{ state: string; decided_by: string | null }[]>`
        select state, decided_by from approvals where code = ${code}`;
      return row;
    };

    const inboxOf = (event: string) =>
      until(
        () => on.inbox(event),
        (rows) => rows.length > 0 && rows.every(({ state }) => state !== "new"),
      );

    test("the agent asks, puts both answers beside it, and a tap on ✅ runs the call", async () => {
      const { room, target, question } = await asked("water the plants");
      assert.match(question.body, /```json\n\{\n {2}"text": "water the plants"\n\}\n```/);
      assert.match(question.body, /React with ✅ or ❌, or write `!approve \w{6}` or `!deny \w{6}`\.$/);
      const own = await until(
        async () => on.homeserver.sent(room).filter(({ type }) => type === "m.reaction"),
        (found) => found.length === 2,
      );
      assert.deepEqual(
        own.map(({ content }) => content),
        [reaction(target, "✅"), reaction(target, "❌")],
      );
      await react(room, matrixOwner, target, "✅");
      await heard(room, /^Results: Added #\d+ water the plants$/);
      const bodies = (await said(room)).map(({ body }) => body);
      assert.deepEqual(
        bodies.filter((body) => body.includes("approved")),
        [`✅ \`commitments_add\` approved by \`${principal}\`.`],
      );
      assert.match(bodies.at(-1) ?? "", /^Results: /);
    });

    test("❌ denies, with the variation selector as well", async () => {
      const { room, code, target } = await asked("eat the plants");
      await react(room, matrixOwner, target, "❌\ufe0f");
      await heard(room, /^Results: Refused: a person said no/);
      assert.deepEqual(await stateOf(code), { state: "denied", decided_by: principal });
    });

    test("an answer by words decides too, and is told once", async () => {
      const { room, code } = await asked("by words");
      await say(room, `!approve ${code}`);
      await heard(room, /^Results: Added #\d+ by words$/);
      assert.equal((await said(room)).filter(({ body }) => body.includes("approved by")).length, 1);
    });

    test("the second tap changes nothing, and whoever taps again is told so once", async () => {
      const { room, code, target } = await asked("only once");
      await react(room, matrixOwner, target, "✅");
      await heard(room, /^Results: Added #/);
      for (const _ of [1, 2]) await inboxOf(await react(room, matrixOwner, target, "❌"));
      await heard(room, /^Already decided: ✅ `commitments_add` approved by/);
      assert.equal((await said(room)).filter(({ body }) => body.startsWith("Already")).length, 1);
      assert.deepEqual(await stateOf(code), { state: "approved", decided_by: principal });
    });

    test("after expiry the model is told, and a tap changes nothing", async () => {
      const { room, code, target } = await asked("too late");
      await expire(sql(), code);
      await heard(room, /^⌛ `commitments_add` expired: nobody decided in time\.$/);
      await heard(room, /^Results: Not done: nobody approved/);
      await react(room, matrixOwner, target, "✅");
      await heard(room, /^Already decided: ⌛/);
      assert.equal((await stateOf(code))?.state, "expired");
    });

    test("GHSA-9vvh-2768-c8vp, CVE-2026-28471: reactions of strangers and look-alikes decide nothing", async () => {
      const others = ["@eve:evil.example", "@me:evil.example", "@me2:home.example", "@ME:home.example"];
      const { room, code, target } = await asked("by a stranger", others);
      for (const other of others) {
        const [row] = await inboxOf(await react(room, other, target, "✅"));
        assert.deepEqual([row?.kind, row?.state], ["other", "denied"], other);
      }
      assert.equal((await stateOf(code))?.state, "pending");
      await say(room, `!deny ${code}`);
    });

    test("a person who is no approver is refused, in one line an hour", async () => {
      const { room, code, target } = await asked("by the kid", [matrixKid]);
      for (const key of ["✅", "✅", "❌"]) await inboxOf(await react(room, matrixKid, target, key));
      await heard(room, new RegExp(`^There is no question \`${code}\` that you may answer\\.$`));
      assert.equal((await said(room)).filter(({ body }) => body.startsWith("There is no")).length, 1);
      assert.equal((await stateOf(code))?.state, "pending");
      await say(room, `!deny ${code}`);
    });

    test("CVE-2026-28473: the agent's own reactions never count", async () => {
      const { room, code, target } = await asked("by itself");
      await react(room, matrixAgent, target, "✅");
      await until(async () => on.homeserver.sent(room).filter(({ type }) => type === "m.reaction").length === 2);
      await say(room, "still there?");
      await heard(room, /still there\?$/);
      assert.equal((await stateOf(code))?.state, "pending");
      await say(room, `!deny ${code}`);
    });

    test("another emoji, another message and another room are no answers", async () => {
      const { room, code, target } = await asked("elsewhere");
      const other = await on.room({ encrypted });
      await react(room, matrixOwner, target, "👍");
      await react(room, matrixOwner, await say(room, "something else"), "✅");
      await react(other, matrixOwner, target, "✅");
      await heard(room, /something else$/);
      assert.equal((await stateOf(code))?.state, "pending");
      await say(room, `!deny ${code}`);
    });

    test("/stop calls a question off", async () => {
      const { room, code } = await asked("never");
      await say(room, "!status");
      await heard(room, new RegExp(`waits for a yes to \`commitments_add\` until .*: question \`${code}\``));
      await say(room, "!stop");
      await heard(room, /^Stopped\. \(run \w+\)$/);
      assert.equal((await stateOf(code))?.state, "cancelled");
      assert.equal((await said(room)).filter(({ body }) => body.includes("called off")).length, 0);
    });

    test("a question whose reactions are refused is asked all the same", async () => {
      on.homeserver.fail({
        path: /\/send\/m\.reaction\//,
        answer: { status: 403, body: { errcode: "M_FORBIDDEN" } },
        times: 2,
      });
      const { room, code } = await asked("without reactions");
      await say(room, `!approve ${code}`);
      await heard(room, /^Results: Added #\d+ without reactions$/);
      on.homeserver.clearFaults();
    });

    test("a person who is no approver is told in their direct chat that it waits; the operator's room is asked", async () => {
      const chat = `!chat${encrypted}:home.example`;
      const kid = await on.person(matrixKid);
      on.homeserver.createRoom({ id: chat, members: [matrixKid], encrypted });
      await on.homeserver.invite(chat, matrixAgent, matrixKid, { isDirect: true });
      // The row is there before the agent is, and what nobody could count yet is no private chat.
      await on.homeserver.waitFor(
        ({ type, room_id, state_key, content }) =>
          type === "m.room.member" && room_id === chat && state_key === matrixAgent && content["membership"] === "join",
      );
      await (encrypted ? kid.say(chat, "add feed the cat") : on.homeserver.say(chat, matrixKid, "add feed the cat"));
      const { code } = await pendingOf(sql(), `matrix:${matrixKid}`);
      const question = await heard(operatorRoom, /"text": "feed the cat"/);
      // In the plain text nothing may be made a link of.
      const plain = question.body.replaceAll(/\[([.:])\]/g, "$1");
      assert.match(plain, new RegExp(`Asked by \`matrix:${matrixKid}\``));
      await react(operatorRoom, matrixOwner, question.event.event_id, "✅");
      await heard(operatorRoom, /^✅ `commitments_add` approved by/);
      const told = await until(
        async () =>
          encrypted
            ? (await kid.answers(chat, matrixAgent)).map(({ content }) => String(content["body"]))
            : on.homeserver.sent(chat).map(({ content }) => String(content["body"])),
        (bodies) => bodies.some((body) => body.startsWith("Results: ")),
      );
      assert.match(told[0] ?? "", new RegExp(`^⏸ ops waits for an approver's yes to .*\\(question \`${code}\`\\)`));
      assert.match(told[1] ?? "", /^Results: Added #\d+ feed the cat$/);
      assert.equal(told.length, 2);
    });

    // Where it is encrypted, the person's own client could not say who is to read what they write.
    if (!encrypted)
      test("where nobody can say who is in a direct chat, the operator's room is asked all the same", async () => {
        const chat = "!uncounted:home.example";
        on.homeserver.createRoom({ id: chat, members: [matrixKid] });
        const noted = () =>
          on.homeserver.calls.filter(({ method, path }) => method === "PUT" && path.endsWith("/m.direct"));
        const before = noted().length;
        await on.homeserver.invite(chat, matrixAgent, matrixKid, { isDirect: true });
        await until(async () => noted().length > before);
        on.homeserver.fail({ path: /\/joined_members$/, answer: { status: 500, body: {} } });
        await on.homeserver.say(chat, matrixKid, "add walk the dog");
        const question = await heard(operatorRoom, /"text": "walk the dog"/);
        on.homeserver.clearFaults();
        await react(operatorRoom, matrixOwner, question.event.event_id, "❌");
        await heard(operatorRoom, /^❌ `commitments_add` denied by/);
      });

    if (encrypted) {
      test("a reaction that came encrypted counts as well", async () => {
        const { room, target } = await asked("encrypted reaction");
        await on.owner.sendEncrypted(room, "m.reaction", reaction(target, "✅"));
        await heard(room, /^Results: Added #\d+ encrypted reaction$/);
      });

      test("with approvals.reactions off only words decide, and the question says so", async (t) => {
        const { gateway, toml } = on.stage;
        const set = (text: string): void => {
          gateway.rewrite(text);
          gateway.holder.reload();
        };
        t.after(() => set(toml));
        set(`${toml}\n[approvals]\nreactions = false\n`);
        const { room, code, target, question } = await asked("only words");
        assert.match(question.body, /Write `!approve \w+` or `!deny \w+`\. A reaction does not count here\.$/);
        const [row] = await inboxOf(await react(room, matrixOwner, target, "✅"));
        assert.deepEqual([row?.state, row?.reason], ["refused", "approvals.reactions is off in encrypted rooms"]);
        assert.equal((await stateOf(code))?.state, "pending");
        await on.owner.say(room, `!approve ${code}`);
        await heard(room, /^Results: Added #\d+ only words$/);
        assert.equal(on.homeserver.sent(room).filter(({ type }) => type === "m.reaction").length, 0);
      });

      test("!approve in the clear is refused in a room with encryption", async () => {
        const { room, code } = await asked("in the clear");
        const [row] = await inboxOf(await on.homeserver.say(room, matrixOwner, `!approve ${code}`));
        assert.equal(row?.state, "refused");
        assert.equal((await stateOf(code))?.state, "pending");
        await say(room, `!deny ${code}`);
      });
    }

    test("all that was approved was done once", async () => {
      const [row] = await sql()<{ approved: number }[]>`
        select count(*)::int as approved from approvals where state = 'approved' and principal = ${principal}`;
      await until(async () => (await commitmentsOf(sql(), principal)) === row?.approved);
    });
  });
