import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { Command } from "commander";
import { addErase } from "../../functions/commands/audit-erase.ts";
import { gatewayOpener, identityOpener } from "../../lib/audit/open-run.ts";
import { Secret } from "../../lib/config/secret.ts";
import { endedRun, journalOf as openedJournal, resumeRun, shortId } from "../../lib/ledger/runs.ts";
import { createKeyring } from "../../lib/seal.ts";
import { testEnvironment } from "../support/gateway.ts";
import { order } from "../support/injection/directives.ts";
import { wellBehaved } from "../support/injection/worst-case-model.ts";
import { expectedHashes, journalOf, lastRun } from "../support/journal.ts";
import { openedBodies, openedJournals } from "../support/readable.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
let stage: Stage;
let identity: string;

const config = (toml: string): string =>
  toml
    .replace("[groups.owners]\n", "[groups.owners]\napprove = true\n")
    .replace(
      'tools = ["time_now", "commitments_*", "history_search"]',
      'tools = ["time_now", "commitments_*"]\ncalls = ["helper"]',
    )
    .replace('tools = ["*"]\ntelegram = true', 'tools = ["*"]\nask = ["commitments_add"]\ntelegram = true');

before(async () => {
  identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  stage = await startStage({ script: wellBehaved, config, top: `[audit]\nrecipient = "${recipient}"` });
});
after(() => stage.stop());

/** Says something and waits until it is answered and delivered. Returns the run. */
async function said(person: number, text: string): Promise<string> {
  const { sql } = stage.gateway;
  const { id: previous } = await lastRun(sql, person).catch(() => ({ id: "" }));
  await stage.say(person, text);
  await stage.heard(person);
  const run = await until(
    async () => {
      const [row] = await sql<{ id: string }[]>`
        select id from runs r where principal = ${`telegram:${person}`} and trigger = 'chat' and state = 'done' and id::text <> ${previous}
          and not exists (select 1 from outbox o where o.run_id = r.id and o.state in ('pending', 'sending'))
        order by started_at desc limit 1`;
      return row?.id;
    },
    (id) => id !== undefined,
  );
  return run ?? "";
}

interface Told {
  readonly out: string;
  readonly notes: string;
}

async function erase(...argv: string[]): Promise<Told> {
  const [out, notes]: [string[], string[]] = [[], []];
  const audit = new Command("audit").exitOverride();
  const { holder, databaseUrl } = stage.gateway;
  const { database } = holder.current;
  addErase(audit, {
    env: undefined as never,
    configFile: () => holder.current.file,
    loadConfig: async () => ({ ...holder.current, database: { ...database, url: new Secret(databaseUrl) } }),
    out: (line) => void out.push(line),
    note: (line) => void notes.push(line),
  });
  await audit.parseAsync(["erase", ...argv], { from: "user" });
  return { out: out.join("\n"), notes: notes.join("\n") };
}

/** All that the gateway's key and the operator's identity open between them. */
async function openable(): Promise<string> {
  const { sql } = stage.gateway;
  const openers = [gatewayOpener(sql, keyring), await identityOpener(sql, identity)];
  const journals = (await Promise.all(openers.map((opener) => openedJournals(sql, opener)))).flat();
  return [...journals, ...Object.values(await openedBodies(sql)).flat()].join("\n");
}

async function chainHolds(run: string): Promise<void> {
  const entries = await journalOf(stage.gateway.sql, run);
  assert.ok(entries.length > 0 && entries.some(({ payload }) => payload !== null));
  assert.deepEqual(
    entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
    expectedHashes(entries),
  );
}

test("an erased run is opened by no key any more, neither is what it asked another agent for; their chains hold", async () => {
  const { sql } = stage.gateway;
  const person = stage.person();
  const canary = "canary-to-be-erased-31";
  const run = await said(
    person,
    `${canary} ${order("agent_ask", { agent: "helper", request: `tell me of ${canary}` })}`,
  );
  assert.ok((await openable()).includes(canary));
  const [inner] = await sql<{ id: string }[]>`select id from runs where parent_run_id = ${run}`;
  const { out, notes } = await erase(shortId(run), "--yes");
  assert.equal(out, `Erased: ${run}, ${inner?.id}.`);
  assert.ok(notes.includes(inner?.id ?? "none"));
  assert.ok(!(await openable()).includes(canary));
  for (const id of [run, inner?.id ?? ""]) {
    await chainHolds(id);
    const [key] = await sql`select wrapped, audit_wrapped, audit_key_id, erased_at from run_keys where run_id = ${id}`;
    assert.deepEqual([key?.["wrapped"], key?.["audit_wrapped"], key?.["audit_key_id"]], [null, null, null]);
    assert.ok(key?.["erased_at"] instanceof Date);
  }
});

test("what a run's tools have sent is erased with it, and so is what was decided about its questions", async () => {
  const { sql } = stage.gateway;
  const person = stage.person();
  const canary = "canary-in-a-question-31";
  await stage.say(person, `/agent helper`);
  await stage.heard(person);
  await stage.say(person, order("commitments_add", { text: canary }));
  await stage.heard(person);
  const [question] = await sql<{ code: string; run: string }[]>`
    select code, run_id as run from approvals where principal = ${`telegram:${person}`}`;
  await assert.rejects(erase(question?.run ?? "", "--yes"), { code: "bad_request", message: /still at work: stop it/ });
  await stage.say(person, `/deny ${question?.code}`);
  await until(async () => (await lastRun(sql, person))["state"] === "done");
  await until(
    () => sql`select 1 from outbox where lane = ${`telegram:main:${person}`} and state in ('pending', 'sending')`,
    (open) => open.length === 0,
  );
  // As a tool of the run would have sent it.
  await sql`
    insert into outbox (key, lane, destination, body, state)
    values (${`file:${question?.run}:3`}, 'telegram:main:1', '{}', ${keyring.bodies.seal(canary, `outbox:file:${question?.run}:3`)}, 'sent')`;
  assert.ok((await openable()).includes(canary));
  await erase(question?.run ?? "", "--yes");
  assert.ok(!(await openable()).includes(canary));
  await chainHolds(question?.run ?? "");
});

test("later runs of the conversation are named, since they were shown its turn, and --later erases them, too", async () => {
  const person = stage.person();
  const canary = "canary-that-is-repeated-31";
  const first = await said(person, canary);
  const second = await said(person, "and then?");
  const { notes } = await erase(first, "--yes");
  assert.match(notes, /A later run of its conversation may repeat what was said in it: --later/);
  assert.ok((await openable()).includes(canary));
  const { out } = await erase(first, "--later", "--yes");
  assert.ok(out.includes(second));
  assert.ok(!(await openable()).includes(canary));
});

test("other runs are as they were, and the conversation goes on", async () => {
  const [kept, erased] = [stage.person(), stage.person()];
  const canary = "canary-that-stays-31";
  await said(kept, canary);
  const run = await said(erased, "something else");
  await erase(run, "--yes");
  assert.ok((await openable()).includes(canary));
  assert.notEqual(await said(erased, "are you there?"), run);
});

test("a run whose answer is still on its way is not erased", async () => {
  const { sql } = stage.gateway;
  const run = await said(stage.person(), "hello");
  await sql`update outbox set state = 'pending', not_before = now() + interval '1 hour' where run_id = ${run}`;
  await assert.rejects(erase(run, "--yes"), { code: "bad_request", message: /still on its way/ });
  await sql`update outbox set state = 'sent' where run_id = ${run}`;
});

test("a run that is not there, and an id that is none, are refused with what to do", async () => {
  await assert.rejects(erase("00000000", "--yes"), { code: "not_found", message: /claw audit list/ });
  await assert.rejects(erase("%", "--yes"), { code: "bad_request", message: /named by its id/ });
});

test("an ending that two runs share names neither", async () => {
  const { sql } = stage.gateway;
  const run = await said(stage.person(), "hello");
  const twin = randomUUID().slice(0, -8) + shortId(run);
  await sql`insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash)
    select ${twin}::uuid, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash from runs where id = ${run}`;
  await assert.rejects(erase(shortId(run), "--yes"), { code: "bad_request", message: /several runs/ });
});

test("an erased run reads as gone: its journal, its end, and one that would be taken up again", async () => {
  const { sql } = stage.gateway;
  const run = await said(stage.person(), "hello");
  await erase(run, "--yes");
  assert.equal(await openedJournal(sql, keyring, run), undefined);
  await assert.rejects(endedRun(sql, keyring, run), { code: "environment", message: /its key was erased/ });
  await sql`update runs set state = 'running' where id = ${run}`;
  await assert.rejects(resumeRun(sql, keyring, run), { code: "environment", message: /its key was erased/ });
  await sql`update runs set state = 'done' where id = ${run}`;
});

test("the command does its work as the app's role", async () => {
  const run = await said(stage.person(), "hello");
  const { sql } = stage.gateway;
  // Only the owner could: were the command it, this would let it through.
  await sql`create function tell_role() returns trigger language plpgsql as $$ begin
    if current_user <> 'openclaw_app' then raise exception 'not as the app'; end if; return new; end $$`;
  await sql`create trigger tell before update on run_keys for each row execute function tell_role()`;
  await erase(run, "--yes");
  await sql`drop trigger tell on run_keys`;
});
