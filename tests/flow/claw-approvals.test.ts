import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { commitmentsOf, expire, obeying, pendingOf, withApprovals } from "../support/approvals.ts";
import { claw as runClaw, type ClawResult } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

let stage: Stage;

before(async () => {
  stage = await startStage({ script: obeying, config: withApprovals });
});
after(() => stage.stop());

const claw = (...argv: string[]): Promise<ClawResult> =>
  runClaw(
    { ...testEnvironment, OPENCLAW_CONFIG: stage.gateway.holder.current.file, DATABASE_URL: stage.gateway.databaseUrl },
    ...["approvals", ...argv],
  );

async function asked(from: number, text: string): Promise<string> {
  await stage.say(from, text);
  return (await pendingOf(stage.gateway.sql, `telegram:${from}`)).code;
}

describe("claw approvals", () => {
  test("says so where nothing waits", async () => {
    assert.deepEqual(await claw(), { code: 0, out: "Nothing waits for a decision.\n", errors: "" });
  });

  test("lists what waits, shows it whole, and approves it: the run goes on", async () => {
    const ada = stage.person();
    const code = await asked(ada, "add water\u202e the plants");
    const list = await claw("list");
    assert.match(
      list.out,
      new RegExp(`^${code}  pending  ops  commitments_add  telegram:${ada}  until .* \\(Europe/Berlin\\)\n$`),
    );
    const shown = await claw("show", code);
    assert.match(shown.out, /^ {2}asked by {2}telegram:\d+$/m);
    assert.match(shown.out, /^ {2}why {7}agents\.ops\.ask "commitments_add"$/m);
    assert.ok(shown.out.endsWith('{\n  "text": "water\\u202e the plants"\n}\n'));
    const [json] = JSON.parse((await claw("list", "--json")).out) as { code: string; shown: { input: object } }[];
    assert.deepEqual([json?.code, json?.shown.input], [code, { text: "water\u202e the plants" }]);

    assert.deepEqual(await claw("approve", code.toUpperCase()), {
      code: 0,
      out: `${code}: commitments_add approved.\n`,
      errors: "",
    });
    await stage.heard(ada);
    assert.match(await stage.heard(ada), /^Results: Added #/);
    await until(async () => stage.botApi.sent(ada).some(({ text }) => text.endsWith("approved by the operator.")));
    const [row] = await stage.gateway.sql`select approver from journal where type = 'approval.decided'`;
    assert.equal(row?.["approver"], "operator");
  });

  test("denies, and changes nothing that was decided or has expired", async () => {
    const ada = stage.person();
    const code = await asked(ada, "add nothing");
    assert.equal((await claw("deny", code)).out, `${code}: commitments_add denied.\n`);
    await stage.heard(ada);
    assert.match(await stage.heard(ada), /^Results: Refused/);
    const again = await claw("approve", code);
    assert.deepEqual([again.code, again.errors], [1, `${code} is denied already (by operator); nothing was changed\n`]);
    const late = await asked(ada, "add late");
    await expire(stage.gateway.sql, late);
    assert.equal((await claw("approve", late)).errors, `${late} is expired already; nothing was changed\n`);
    assert.equal(await commitmentsOf(stage.gateway.sql, `telegram:${ada}`), 0);
    assert.match((await claw("list", "--all")).out, new RegExp(`^${late}  expired .*\n${code}  denied by operator `));
  });

  test("decides where no approver sees the chat and no operator is named", async () => {
    const code = await asked(kid, "add by the kid");
    assert.match(await stage.heard(kid), new RegExp(`^⏸ ops waits .*\\(question ${code}\\)`));
    await claw("approve", code);
    assert.match(await stage.heard(kid), /^Results: Added #\d+ by the kid$/);
  });

  test("knows no other codes", async () => {
    const { code, errors } = await claw("approve", "zzz\u001b[31m");
    assert.equal(code, 1);
    assert.equal(errors, 'there is no question "zzz\\u001b[31m"; `claw approvals list --all` shows all\n');
  });
});
