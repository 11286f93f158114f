import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { asApp } from "../../../lib/db/roles.ts";
import { takeAlone } from "../../../lib/db/gateway-lock.ts";
import { openDrizzle } from "../../../lib/db/drizzle.ts";
import { createNotes } from "../../../lib/ledger/notes.ts";
import { takeDevice } from "../../../lib/ledger/matrix-devices.ts";
import { checkKey } from "../../../lib/keys/check-key.ts";
import { type ChangedKey, type KeyChange, rotateKey } from "../../../lib/keys/rotate-key.ts";
import { sealedColumns } from "../../../lib/keys/sealed.ts";
import { createLog } from "../../../lib/log.ts";
import { AgentMachine } from "../../../lib/matrix/crypto/machine.ts";
import { Locks } from "../../../lib/queue/locks.ts";
import { createKeyring, type Keyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const agent = "@agent_ops:home.example";
const owner = { agent: "ops", principal: "telegram:1001" } as const;

let database: TestDatabase;
let from: Keyring;
let to: Keyring;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());
beforeEach(async () => {
  [from, to] = [createKeyring(newKey()), createKeyring(newKey())];
  const { sql } = database;
  await sql`alter table key_rotations disable trigger all`;
  await sql`truncate key_rotations, matrix_devices, matrix_crypto, ${sql(sealedColumns.map(({ table }) => table))}`;
  await sql`alter table key_rotations enable trigger all`;
});

const tables = (): string[] => sealedColumns.map(({ table, column }) => `${table}.${column}`);

/** The columns of bytes that are not sealed with the key, and why. */
const others: Readonly<Record<string, string>> = {
  "run_keys.audit_wrapped": "sealed with an audit key",
  "audit_keys.wrapped": "an age file for the operator",
  "journal.payload": "sealed with the run's data key",
  "journal.prev_hash": "a hash",
  "journal.hash": "a hash",
  "checkpoints.heads_hash": "a hash",
  "checkpoints.previous_hash": "a hash",
  "checkpoints.hash": "a hash",
  "checkpoints.signature": "a signature",
  "checkpoints.public_key": "a public key",
  "checkpoint_heads.hash": "a hash",
  "key_rotations.retired_key": "a public key",
  "key_rotations.checkpoint_hash": "a hash",
  "key_rotations.signature": "a signature",
  "key_rotations.public_key": "a public key",
  "matrix_transactions.digest": "a hash",
  "ops_sessions.hash": "a hash",
};

test("every column of bytes is either sealed anew, or known not to be sealed with the key", async () => {
  const columns = await database.sql<{ name: string }[]>`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = 'public' and data_type = 'bytea' order by 1`;
  assert.deepEqual(
    columns.map(({ name }) => name),
    [...tables(), ...Object.keys(others)].sort(),
  );
});

/** What is sealed and where, as it is bound to its row. */
interface Kept {
  readonly at: string;
  readonly bound: (keyring: Keyring) => string;
  readonly sealer: "bodies" | "runKeys" | "matrixIdentities";
  readonly text: string;
}

/** One value in each sealed column, and three times as many as are read at once in one of them. */
async function fill(sql: Sql): Promise<Kept[]> {
  const kept: Kept[] = [];
  const seal = (at: string, bound: string, sealer: Kept["sealer"] = "bodies"): Uint8Array => {
    const text = JSON.stringify({ at, said: randomBytes(8).toString("hex") });
    kept.push({ at, bound: () => bound, sealer, text });
    return from[sealer].seal(text, bound);
  };
  const run = randomUUID();
  for (let index = 0; index < 150; index++)
    await sql`insert into inbox (source, channel, lane, kind, state, body)
      values (${`telegram:main:${index}`}, 'telegram', 'lane', 'message', 'done', ${seal("inbox.body", `inbox:telegram:main:${index}`)})`;
  await sql`insert into inbox (source, channel, lane, kind, state) values ('bare', 'telegram', 'lane', 'message', 'denied')`;
  await sql`insert into outbox (key, lane, destination, body)
    values ('k1', 'lane', '{}', ${seal("outbox.body", "outbox:k1")}), ('erased', 'lane', '{}', '')`;
  await sql`insert into turns (conversation_id, run_id, principal, tokens, body)
    values (${randomUUID()}, ${run}, 'telegram:1001', 1, ${seal("turns.body", `turn:${run}`)})`;
  await sql`insert into approvals (code, run_id, seq, call_hash, agent, tool, principal, lane, rule, body, expires_at)
    values ('k7m2pq', ${run}, 1, '', 'ops', 't', 'p', 'l', 'r', ${seal("approvals.body", "approval:k7m2pq")}, now())`;
  await sql`insert into commitments (call_key, principal, body)
    values ('c1', 'telegram:1001', ${seal("commitments.body", "commitment:c1")})`;
  await sql`insert into schedules (call_key, principal, agent, lane, destination, shared, timezone, body)
    values ('s1', 'p', 'ops', 'l', '{}', false, 'UTC', ${seal("schedules.body", "schedule:s1")})`;
  await sql`insert into alerts_seen (fingerprint, starts_at, body, last_seen_at) values
    ('f1', '2026-11-29T08:00:00.123Z', ${seal("alerts_seen.body", "alert:f1:2026-11-29T08:00:00.123Z")}, now())`;
  await sql`insert into run_keys (run_id, wrapped) values (${run}, ${seal("run_keys.wrapped", `run:${run}`, "runKeys")}), (${randomUUID()}, null)`;
  await sql`insert into matrix_devices (user_id, device_id, identity)
    values ('@agent_idle:home.example', 'OPENCLAW', ${seal("matrix_devices.identity", "@agent_idle:home.example", "matrixIdentities")})`;
  const note = { title: "Backups", text: "They run at three." };
  const drizzle = openDrizzle(database.url);
  await createNotes(drizzle.database, from).write(owner, {
    ...note,
    mode: "replace",
    callKey: "n1",
    taint: [],
  } as never);
  await drizzle.end();
  return kept;
}

const rotating = async (change: Partial<KeyChange> = {}): Promise<ChangedKey> => {
  const one = connect(await asApp(database.url), { max: 1 });
  try {
    return await rotateKey(one, {
      ...{ from, to, now: new Date(), dryRun: false, leaveDamaged: false, tell: () => {} },
      ...change,
    });
  } finally {
    await one.end();
  }
};

/** All sealed values by their columns, which `keyring` opens or does not. */
async function opening(
  sql: Sql,
  keyring: Keyring,
  kept: readonly Kept[],
): Promise<{ opened: string[]; closed: string[] }> {
  const [opened, closed]: [string[], string[]] = [[], []];
  for (const { table, column } of sealedColumns) {
    const rows = await sql<{ value: Uint8Array }[]>`
      select ${sql(column)} as value from ${sql(table)} where octet_length(${sql(column)}) > 0`;
    for (const { value } of rows) {
      const texts = kept
        .filter(({ at }) => at === `${table}.${column}`)
        .flatMap(({ sealer, bound, text }) => {
          try {
            return keyring[sealer].open(value, bound(keyring)).toString() === text ? [text] : [];
          } catch {
            return [];
          }
        });
      (texts.length === 1 ? opened : closed).push(`${table}.${column}`);
    }
  }
  return { opened, closed };
}

test("after a change of the key the new one opens every sealed value, with what was in it, and the old one none", async () => {
  const { sql } = database;
  const kept = await fill(sql);
  const before = await opening(sql, from, kept);
  assert.equal(before.opened.length, kept.length);
  const changed = await rotating();
  // The note is among them.
  assert.deepEqual([changed.values, changed.damaged], [kept.length + 1, []]);
  const [now, old] = [await opening(sql, to, kept), await opening(sql, from, kept)];
  assert.deepEqual([...now.opened].sort(), [...before.opened].sort());
  assert.deepEqual(new Set(now.closed), new Set(["notes.body"]));
  assert.deepEqual(old.opened, []);
  // What held nothing holds nothing.
  const [empty] = await sql`select (select count(*)::int from inbox where body is null) as inbox,
    (select count(*)::int from outbox where octet_length(body) = 0) as outbox,
    (select count(*)::int from run_keys where wrapped is null) as keys`;
  assert.deepEqual({ ...empty }, { inbox: 1, outbox: 1, keys: 1 });
});

test("a note is found by its title with the new key, and with the old one not", async () => {
  await fill(database.sql);
  await rotating();
  const drizzle = openDrizzle(database.url);
  assert.equal((await createNotes(drizzle.database, to).read(owner, "backups"))?.text, "They run at three.");
  assert.equal(await createNotes(drizzle.database, from).read(owner, "backups"), undefined);
  await drizzle.end();
});

test("an agent's machine is opened by the new key with the identity it had, and by the old one no more", async () => {
  const { sql } = database;
  const open = async (keyring: Keyring): Promise<string> => {
    const { epoch } = await takeDevice(sql, agent, "test", "OPENCLAW");
    const machine = await AgentMachine.open({
      sql,
      user: agent,
      deviceId: "OPENCLAW",
      epoch,
      storeKey: keyring.matrixStore(agent),
    });
    const key = await machine.unit(async (olm) => olm.identityKeys.ed25519.toBase64());
    await machine.close();
    return key;
  };
  const identity = await open(from);
  assert.equal((await rotating()).stores, 1);
  assert.equal(await open(to), identity);
  await assert.rejects(open(from));
});

test("a dry run counts what the old key opens, and changes nothing", async () => {
  const { sql } = database;
  const kept = await fill(sql);
  const dump = (): Promise<unknown> =>
    Promise.all(sealedColumns.map(({ table }) => sql`select ctid::text, xmin::text from ${sql(table)} order by 1`));
  const before = await dump();
  assert.equal((await rotating({ dryRun: true })).values, kept.length + 1);
  assert.deepEqual(await dump(), before);
  assert.equal((await opening(sql, from, kept)).opened.length, kept.length);
  await checkKey(sql, from);
});

test("one damaged value keeps all from being changed, and is named; left behind where that is wanted", async () => {
  const { sql } = database;
  const kept = await fill(sql);
  await sql`update inbox set body = set_byte(body, 40, get_byte(body, 40) # 1) where source = 'telegram:main:77'`;
  await assert.rejects(rotating(), {
    message: /does not open 1 of them; nothing was changed.*\ninbox telegram:main:77$/s,
  });
  assert.equal((await opening(sql, from, kept)).opened.length, kept.length - 1);
  const changed = await rotating({ leaveDamaged: true });
  assert.deepEqual([changed.values, changed.damaged], [kept.length, ["inbox telegram:main:77"]]);
  assert.equal((await opening(sql, to, kept)).opened.length, kept.length - 1);
});

test("the key that was given for the old one must be it", async () => {
  await fill(database.sql);
  await assert.rejects(rotating({ from: createKeyring(newKey()) }), { code: "config_invalid" });
});

test("where the database was sealed anew, the old key is refused as the one from before, and any other as another", async () => {
  const { sql } = database;
  await rotating();
  await checkKey(sql, to);
  await assert.rejects(checkKey(sql, from), {
    message: /OPENCLAW_KEY is the one from before: on 2.*set OPENCLAW_KEY to that one/,
  });
  await assert.rejects(checkKey(sql, createKeyring(newKey())), {
    message: /is not the key this database was sealed with/,
  });
  await assert.rejects(rotating(), { message: /sealed with that key already: set OPENCLAW_KEY to it/ });
  const third = createKeyring(newKey());
  await rotating({ from: to, to: third });
  await checkKey(sql, third);
});

test("nobody changes the key while a process uses the database, and nobody uses it meanwhile", async () => {
  const log = createLog("silent");
  const using = new Locks(database.url, log);
  await using.open();
  await assert.rejects(rotating(), { message: /a gateway uses this database: stop every one of them/ });
  await using.close();
  const alone = connect(database.url, { max: 1 });
  await takeAlone(alone);
  await assert.rejects(new Locks(database.url, log).open(), { message: /being rewritten just now/ });
  await alone.end();
});
