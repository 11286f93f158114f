import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { gatewayOpener, identityOpener } from "../../lib/audit/open-run.ts";
import { createKeyring } from "../../lib/seal.ts";
import { obeying, pendingOf, withApprovals } from "../support/approvals.ts";
import { claw } from "../support/claw.ts";
import { scanDatabase } from "../support/database-scan.ts";
import { testEnvironment } from "../support/gateway.ts";
import { expectedHashes, journalOf, lastRun } from "../support/journal.ts";
import { openedBodies, openedJournals } from "../support/readable.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { stranger } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

const canaries = {
  early: "canary-before-the-recipient-77",
  said: "canary-said-77",
  asked: "canary-in-a-question-77",
  strange: "canary-of-a-stranger-77",
  command: "canary-in-a-command-77",
  young: "canary-of-today-77",
  held: "canary-that-waits-77",
};

const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
let stage: Stage;
let identity: string;
let people: Record<"early" | "talker" | "asker" | "waiter" | "young", number>;

/** Has the gateway's clock do what it does each minute. */
async function tick(): Promise<void> {
  const { sql } = stage.gateway;
  await sql`select graphile_worker.add_job('job-tick', job_key := 'tick-of-test')`;
  await until(
    async () => (await sql`select 1 from graphile_worker._private_jobs where key = 'tick-of-test'`).length,
    (left) => left === 0,
  );
}

/** Makes everything there is older by so many days. */
async function age(days: number): Promise<void> {
  const { sql } = stage.gateway;
  const by = `${days} days`;
  await sql`update run_keys set created_at = created_at - ${by}::interval`;
  await sql`update runs set started_at = started_at - ${by}::interval, finished_at = finished_at - ${by}::interval`;
  await sql`update inbox set received_at = received_at - ${by}::interval`;
  await sql`update outbox set created_at = created_at - ${by}::interval`;
}

const hears = async (person: number, text: string): Promise<string> => {
  await stage.say(person, text);
  const heard = await stage.heard(person);
  await until(async () => (await lastRun(stage.gateway.sql, person))["state"] !== "running");
  return heard;
};

before(async () => {
  identity = await generateIdentity();
  stage = await startStage({ script: obeying, config: withApprovals });
  const { gateway } = stage;
  people = {
    ...{ early: stage.person(), talker: stage.person(), asker: stage.person(), waiter: stage.person() },
    young: stage.person(),
  };
  await hears(people.early, canaries.early);
  // Set while it runs: what began before is sealed for the operator when its time is over.
  const settings = `[audit]\nrecipient = "${await identityToRecipient(identity)}"\ngateway_retention_days = 30\n`;
  gateway.rewrite(`${stage.toml}\n${settings}`);
  assert.deepEqual(gateway.holder.reload(), { taken: true });
  await until(async () => (await gateway.sql`select 1 from audit_keys`).length === 1);
  await hears(people.talker, canaries.said);
  await hears(people.asker, `add ${canaries.asked}`);
  const { code } = await pendingOf(gateway.sql, `telegram:${people.asker}`);
  await stage.say(people.asker, `/approve ${code}`);
  await until(async () => (await lastRun(gateway.sql, people.asker))["state"] === "done");
  await stage.say(stranger, canaries.strange);
  await stage.heard(stranger);
  await stage.say(people.talker, `/agent ${canaries.command}`);
  await stage.heard(people.talker);
  await hears(people.waiter, `add ${canaries.held}`);
  await until(
    () => gateway.sql`select 1 from outbox where state in ('pending', 'sending')`,
    (open) => open.length === 0,
  );
});
after(() => stage.stop());

test("while its retention is not over the gateway opens everything, and nothing of it is in the clear", async () => {
  const { sql } = stage.gateway;
  await age(29);
  await tick();
  const journals = (await openedJournals(sql, gatewayOpener(sql, keyring))).join("\n");
  const bodies = Object.values(await openedBodies(sql))
    .flat()
    .join("\n");
  for (const word of ["early", "said", "asked", "held"] as const) {
    assert.ok(journals.includes(canaries[word]), word);
    assert.ok(bodies.includes(canaries[word]), word);
  }
  assert.ok(bodies.includes(canaries.command));
  const { found } = await scanDatabase(sql, [...Object.values(canaries), identity]);
  assert.deepEqual(found, []);
});

test("past it the gateway opens no run that has ended, and the operator's identity opens every one", async () => {
  const { sql } = stage.gateway;
  await age(2);
  await hears(people.young, canaries.young);
  await tick();
  const mine = (await openedJournals(sql, gatewayOpener(sql, keyring))).join("\n");
  assert.ok(mine.includes(canaries.young) && mine.includes(canaries.held));
  for (const word of ["early", "said", "asked"] as const) assert.ok(!mine.includes(canaries[word]), word);
  const operators = (await openedJournals(sql, await identityOpener(sql, identity))).join("\n");
  for (const word of ["early", "said", "asked", "held", "young"] as const)
    assert.ok(operators.includes(canaries[word]), word);
});

test("with it go the bodies the gateway could read besides: messages, answers, questions, turns, denials, commands", async () => {
  const { sql } = stage.gateway;
  const { turns, approvals, inbox, outbox } = await openedBodies(sql);
  assert.equal(turns.length, 1);
  assert.ok(turns[0]?.includes(canaries.young));
  assert.equal(approvals.length, 1);
  assert.ok(approvals[0]?.includes(canaries.held));
  const rest = [...inbox, ...outbox].join("\n");
  for (const word of ["early", "said", "asked", "strange", "command"] as const)
    assert.ok(!rest.includes(canaries[word]), word);
  assert.ok(rest.includes(canaries.young) && rest.includes(canaries.held));
  const [kept] = await sql<{ inbox: number; outbox: number }[]>`
    select (select count(*)::int from inbox) as inbox, (select count(*)::int from outbox) as outbox`;
  assert.ok(kept && kept.inbox > inbox.length && kept.outbox > outbox.length);
});

test("the chains of the runs hold", async () => {
  const { sql } = stage.gateway;
  for (const { id } of await sql<{ id: string }[]>`select id from runs`) {
    const entries = await journalOf(sql, id);
    assert.ok(entries.length > 0);
    assert.deepEqual(
      entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
      expectedHashes(entries),
    );
  }
});

test("a pass that finds nothing of age changes nothing", async () => {
  const { sql } = stage.gateway;
  const state = () => sql`select run_id, wrapped, audit_wrapped, xmin::text from run_keys order by run_id`;
  const before = await state();
  await tick();
  assert.deepEqual(await state(), before);
});

test("the conversation goes on, without what was said before", async () => {
  const { model } = stage;
  assert.equal(await hears(people.talker, "and now?"), "You said: and now?");
  assert.ok(!JSON.stringify(model.requests.at(-1)).includes(canaries.said));
});

test("what waited for a month is decided and answered", async () => {
  const { sql } = stage.gateway;
  const { code } = await pendingOf(sql, `telegram:${people.waiter}`);
  await sql`update approvals set expires_at = now() + interval '1 hour' where code = ${code}`;
  await stage.say(people.waiter, `/approve ${code}`);
  await until(async () => (await lastRun(sql, people.waiter))["state"] === "done");
});

test("claw approvals lists and shows a question that was emptied, and says that its arguments are gone", async () => {
  const { gateway } = stage;
  const environment = {
    ...testEnvironment,
    OPENCLAW_CONFIG: gateway.holder.current.file,
    DATABASE_URL: gateway.databaseUrl,
  };
  const list = await claw(environment, "approvals", "list", "--all");
  assert.equal(list.code, 0, list.errors);
  const [row] = await gateway.sql<{ code: string }[]>`select code from approvals where body = ''`;
  assert.ok(list.out.includes(row?.code ?? "none"));
  const shown = await claw(environment, "approvals", "show", row?.code ?? "");
  assert.match(shown.out, /its arguments cannot be opened: they were erased, are past audit\.gateway_retention_days/);
  const late = await claw(environment, "approvals", "approve", row?.code ?? "");
  assert.match(late.errors, /is approved already/);
});

test("the log says how many, and none of their words", () => {
  const log = stage.gateway.log();
  assert.match(log, /"runs":3,"bodies":\d+.*past audit\.gateway_retention_days/);
  for (const word of [...Object.values(canaries), identity]) assert.ok(!log.includes(word), word);
});
