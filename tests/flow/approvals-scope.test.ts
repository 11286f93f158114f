/** What a yes is bound to, and what takes it away again. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { callHash } from "../../lib/policy/granted.ts";
import { createKeyring, Sealer } from "../../lib/seal.ts";
import { commitmentsOf, obeying, pendingOf, withApprovals } from "../support/approvals.ts";
import { testEnvironment } from "../support/gateway.ts";
import { journalOf } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";
import { person, tapUpdate } from "../support/telegram-updates.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ script: obeying, config: (toml) => withApprovals(`operator = "telegram:1001"\n${toml}`) });
});
after(() => stage.stop());

const principal = (id: number): string => `telegram:${id}`;

async function asked(from: number, text: string) {
  await stage.say(from, text);
  const { code, run_id: run } = await pendingOf(stage.gateway.sql, principal(from));
  return { code, run };
}

/** Reloads the config changed, and puts it back after the test. */
function reconfigured(t: { after(work: () => void): void }, change: (toml: string) => string): void {
  const set = (toml: string): void => {
    stage.gateway.rewrite(toml);
    stage.gateway.holder.reload();
  };
  t.after(() => set(stage.toml));
  const changed = change(stage.toml);
  assert.notEqual(changed, stage.toml);
  set(changed);
}

const result = async (from: number): Promise<string> => {
  const { payload } = await stage.botApi.waitFor(
    ({ method, payload }) =>
      method === "sendMessage" && payload["chat_id"] === from && String(payload["text"]).startsWith("Results: "),
  );
  return String(payload["text"]);
};

const settled = (run: string): Promise<unknown> =>
  until(
    () => stage.gateway.sql<{ state: string }[]>`select state from runs where id = ${run}`,
    ([row]) => row?.state === "done",
  );

describe("GHSA-2j8v-hwgc-x698: a yes is bound to run, place, tool and arguments", () => {
  test("arguments changed in the stored journal are not run", async () => {
    const ada = stage.person();
    const { code, run } = await asked(ada, "add what was shown");
    const { sql } = stage.gateway;
    const [key] = await sql<{ wrapped: Uint8Array }[]>`select wrapped from run_keys where run_id = ${run}`;
    const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
    const seal = new Sealer(keyring.runKeys.open(key?.wrapped ?? new Uint8Array(), `run:${run}`));
    const entry = (await journalOf(sql, run)).find(({ type }) => type === "llm.answered");
    const place = `journal:${run}:${entry?.seq}`;
    const payload = seal.openJson(entry?.payload ?? new Uint8Array(), place) as { toolCalls: { arguments: string }[] };
    const call = payload.toolCalls[0];
    assert.ok(call && entry);
    call.arguments = JSON.stringify({ text: "something else" });
    await sql.begin(async (tx) => {
      await tx`alter table journal disable trigger user`;
      await tx`update journal set payload = ${seal.sealJson(payload, place)} where run_id = ${run} and seq = ${entry.seq}`;
      await tx`alter table journal enable trigger user`;
    });
    await stage.say(ada, `/approve ${code}`);
    assert.match(await result(ada), /^Results: Not permitted: commitments_add/);
    assert.equal(await commitmentsOf(sql, principal(ada)), 0);
  });

  test("a yes to another run's call is none to this one", async () => {
    const ada = stage.person();
    const { code } = await asked(ada, "add the same");
    const { sql } = stage.gateway;
    const tool = { name: "commitments_add" } as Parameters<typeof callHash>[1]["tool"];
    const input = { text: "the same" };
    const other = callHash({ runId: "00000000-0000-0000-0000-000000000000", seq: 3 }, { tool, input });
    await sql`update approvals set call_hash = ${other} where code = ${code}`;
    await stage.say(ada, `/approve ${code}`);
    assert.match(await result(ada), /^Results: Not permitted: commitments_add/);
    assert.equal(await commitmentsOf(sql, principal(ada)), 0);
  });

  test("a state written into the table by hand decides nothing else than it says", async () => {
    const ada = stage.person();
    const { code, run } = await asked(ada, "add by hand");
    const { sql } = stage.gateway;
    await sql`update approvals set state = 'denied', decided_by = 'telegram:1', decided_at = now() where code = ${code}`;
    await stage.say(ada, `/approve ${code}`);
    await until(
      () => sql`select 1 from inbox where lane = ${`telegram:main:${ada}`} and kind = 'control' and state = 'done'`,
      (rows) => rows.length === 1,
    );
    const [row] = await sql`select state from approvals where code = ${code}`;
    assert.equal(row?.["state"], "denied");
    // Nobody queued its task: recovery finds the run.
    await settled(run);
    assert.match(await result(ada), /^Results: Refused/);
  });
});

test("a question whose stored body is damaged is decided and ended like any other", async () => {
  const ada = stage.person();
  const { code } = await asked(ada, "add damaged");
  await stage.gateway.sql`update approvals set body = '\\x00' where code = ${code}`;
  await stage.say(ada, `/deny ${code}`);
  assert.match(await result(ada), /^Results: Refused/);
});

describe("between the question and the yes", () => {
  test("a tool that config denies meanwhile is not run", async (t) => {
    const ada = stage.person();
    const { code } = await asked(ada, "add before it was denied");
    reconfigured(t, (toml) => toml.replaceAll('ask = ["commitments_add"]', '$&\ndeny = ["commitments_add"]'));
    await stage.say(ada, `/approve ${code}`);
    assert.match(await result(ada), /^Results: Not permitted: commitments_add/);
    assert.equal(await commitmentsOf(stage.gateway.sql, principal(ada)), 0);
  });

  test("an approver who was taken out of the group is refused at the click", async (t) => {
    const ada = stage.person();
    const { code } = await asked(ada, "add while I may");
    const message = await until(
      async () => stage.botApi.sent(ada).find(({ reply_markup }) => reply_markup),
      (found) => found !== undefined,
    );
    assert.ok(message);
    reconfigured(t, (toml) =>
      toml
        .replace(`"telegram:${ada}", `, "")
        .replace(`members = ["telegram:${kid}"`, `members = ["telegram:${kid}", "telegram:${ada}"`),
    );
    const update = tapUpdate(person(ada), message, /Approve/);
    await stage.push(update);
    const { payload } = await stage.botApi.waitFor(
      ({ method, payload }) =>
        method === "answerCallbackQuery" && payload["callback_query_id"] === update.callback_query?.id,
    );
    assert.equal(payload["text"], `There is no question ${code} that you may answer.`);
    assert.equal((await pendingOf(stage.gateway.sql, principal(ada))).code, code);
  });

  test("GHSA-49cg-279w-m73x: a config in which nobody may approve is refused, and nobody may", () => {
    const { holder } = stage.gateway;
    for (const nobody of ["", "approve = true\nmembers = []\n"]) {
      stage.gateway.rewrite(
        stage.toml.replace("approve = true\n", nobody).replace(/(members = \[\]\n)members = .*\n/, "$1"),
      );
      const outcome = holder.reload();
      assert.ok(!outcome.taken);
      assert.match(outcome.reason, /agents\.ops\.ask: asks, but nobody may approve calls of ops/);
    }
    stage.gateway.rewrite(stage.toml);
  });
});

describe("a person whose chat no approver sees", () => {
  test("is told that it waits; the operator is asked, taps there, and the person gets the answer", async () => {
    await stage.say(kid, "add feed the cat");
    const { code } = await pendingOf(stage.gateway.sql, principal(kid));
    assert.match(
      await stage.heard(kid),
      new RegExp(`^⏸ ops waits for an approver's yes to commitments_add, until .* \\(question ${code}\\)\\.`),
    );
    const question = await until(
      async () => stage.botApi.sent(1001).find(({ text }) => text.includes("feed the cat")),
      (message) => message !== undefined,
    );
    assert.ok(question);
    assert.match(question.text, new RegExp(`Asked by telegram:${kid}\\.`));
    assert.equal(stage.botApi.sent(kid).filter(({ reply_markup }) => reply_markup).length, 0);
    await stage.say(kid, `/approve ${code}`);
    assert.equal(await stage.heard(kid), `There is no question ${code} that you may answer.`);
    await stage.push(tapUpdate(person(1001), question, /Approve/));
    assert.match(await stage.heard(kid), /^Results: Added #\d+ feed the cat$/);
    await until(async () => stage.botApi.sent(1001).some(({ text }) => text.endsWith("approved by telegram:1001.")));
  });
});

test("of two replicas either may take the click, and one goes on with the run", async (t) => {
  const other = await stage.gateway.replica();
  t.after(() => other.stop());
  const people = Array.from({ length: 6 }, () => stage.person());
  for (const ada of people) await asked(ada, "add on both");
  await Promise.all(
    people.map(async (ada, index) => {
      const message = await until(
        async () => stage.botApi.sent(ada).find(({ reply_markup }) => reply_markup),
        (found) => found !== undefined,
      );
      assert.ok(message);
      const url = index % 2 === 0 ? other.publicUrl : stage.gateway.publicUrl;
      const update = tapUpdate(person(ada), message, /Approve/);
      const secret = testEnvironment["TELEGRAM_SECRET"] ?? "";
      assert.equal((await stage.botApi.push(`${url}/telegram/main`, secret, update)).status, 200);
    }),
  );
  for (const ada of people) {
    assert.match(await result(ada), /^Results: Added #\d+ on both$/);
    assert.equal(await commitmentsOf(stage.gateway.sql, principal(ada)), 1);
  }
});
