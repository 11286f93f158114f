import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Decrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { createAuditKeys } from "../../../lib/audit/audit-keys.ts";
import { readIdentityFile } from "../../../lib/audit/identity-file.ts";
import { gatewayOpener, identityOpener } from "../../../lib/audit/open-run.ts";
import type { ClawError } from "../../../lib/errors.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import { createKeyring, type Keyring, newKey } from "../../../lib/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;
let directory: string;
const log = { error: (_: object, text?: string) => assert.fail(text) };
const plain = createKeyring(newKey());

before(async () => {
  database = await createTestDatabase();
  directory = mkdtempSync(join(tmpdir(), "openclaw-identity-"));
});
after(async () => {
  await database.drop();
  rmSync(directory, { recursive: true });
});

const person = async (): Promise<{ identity: string; recipient: string }> => {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
};

const secret = "what was said";

/** A run with one sealed row; returns its id. */
async function run(keyring: Keyring): Promise<string> {
  const id = randomUUID();
  const place = { lane: "telegram:main:1", agent: "ops", principal: "telegram:1", trigger: "chat" } as const;
  const hashes = { policyHash: "p", promptHash: "p" };
  const open = beginRun(database.sql, keyring, { id, conversationId: randomUUID(), ...place, ...hashes }, []);
  await open.append([{ type: "llm.failed", errorType: "timeout", reason: secret }]);
  return id;
}

async function read(id: string, opener: ReturnType<typeof gatewayOpener>): Promise<unknown> {
  const sealer = await opener.sealerOf(id);
  const [row] = await database.sql<{ payload: Uint8Array }[]>`select payload from journal where run_id = ${id}`;
  return sealer && row && sealer.openJson(row.payload, `journal:${id}:0`);
}

test("a run is opened by the gateway's key and by the operator's identity, each for itself", async () => {
  const { identity, recipient } = await person();
  const audit = createAuditKeys({ sql: database.sql, log });
  await audit.use(recipient);
  const id = await run({ ...plain, audit });
  assert.deepEqual(await read(id, gatewayOpener(database.sql, plain)), { reason: secret });
  await database.sql`update run_keys set wrapped = null where run_id = ${id}`;
  assert.equal(await read(id, gatewayOpener(database.sql, plain)), undefined);
  assert.deepEqual(await read(id, await identityOpener(database.sql, identity)), { reason: secret });
});

test("the age file of an audit key is one that age itself decrypts", async () => {
  const { identity, recipient } = await person();
  await createAuditKeys({ sql: database.sql, log }).use(recipient);
  const [row] = await database.sql<{ wrapped: Uint8Array }[]>`
    select wrapped from audit_keys where recipient = ${recipient}`;
  assert.match(Buffer.from(row?.wrapped ?? []).toString("latin1"), /^age-encryption\.org\/v1\n-> X25519 /);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  assert.equal((await decrypter.decrypt(row?.wrapped ?? new Uint8Array())).length, 32);
});

test("without a recipient nothing is sealed for anybody but the gateway", async () => {
  const audit = createAuditKeys({ sql: database.sql, log });
  await audit.use(undefined);
  const id = await run({ ...plain, audit });
  const [key] = await database.sql`select audit_wrapped, audit_key_id from run_keys where run_id = ${id}`;
  assert.deepEqual({ ...key }, { audit_wrapped: null, audit_key_id: null });
});

test("a change of recipient closes later runs to the identity before; both of a file's identities open their own", async () => {
  const [old, next] = [await person(), await person()];
  const audit = createAuditKeys({ sql: database.sql, log });
  await audit.use(old.recipient);
  const first = await run({ ...plain, audit });
  await audit.use(next.recipient);
  const second = await run({ ...plain, audit });
  const before = await identityOpener(database.sql, old.identity);
  assert.deepEqual(await read(first, before), { reason: secret });
  assert.equal(await read(second, before), undefined);
  const both = await identityOpener(database.sql, `${old.identity}\n${next.identity}`);
  assert.deepEqual([await read(first, both), await read(second, both)], [{ reason: secret }, { reason: secret }]);
});

test("an audit key serves for a day; the next run has another made and does not wait for it", async () => {
  const { identity, recipient } = await person();
  let at = Date.now();
  const audit = createAuditKeys({ sql: database.sql, log, now: () => at });
  const count = async (): Promise<number> =>
    (await database.sql`select 1 from audit_keys where recipient = ${recipient}`).length;
  await audit.use(recipient);
  await audit.use(recipient);
  assert.equal(await count(), 1);
  at += 86_400_000;
  const runs = [await run({ ...plain, audit })];
  await until(count, (made) => made === 2);
  runs.push(await run({ ...plain, audit }), await run({ ...plain, audit }));
  assert.equal(await count(), 2);
  const keys = await database.sql`select distinct audit_key_id from run_keys where run_id = any(${runs}::uuid[])`;
  assert.equal(keys.length, 2);
  const opener = await identityOpener(database.sql, identity);
  for (const id of runs) assert.deepEqual(await read(id, opener), { reason: secret });
});

test("a wrap that was moved to another run opens nothing", async () => {
  const { identity, recipient } = await person();
  const audit = createAuditKeys({ sql: database.sql, log });
  await audit.use(recipient);
  const [one, other] = [await run({ ...plain, audit }), await run({ ...plain, audit })];
  await database.sql`
    update run_keys set audit_wrapped = (select audit_wrapped from run_keys where run_id = ${one}) where run_id = ${other}`;
  const opener = await identityOpener(database.sql, identity);
  await assert.rejects(opener.sealerOf(other), { code: "environment" });
});

test("a recipient that age refuses is named with its setting, and seals nothing", async () => {
  const { recipient } = await person();
  const audit = createAuditKeys({ sql: database.sql, log });
  const mistyped = recipient.slice(0, -1) + (recipient.endsWith("q") ? "p" : "q");
  await assert.rejects(audit.use(mistyped), {
    code: "config_invalid",
    message: /^audit\.recipient: age refuses "age1/,
  });
});

test("an identity that nothing was sealed for is told whom runs were sealed for", async () => {
  const [{ recipient }, stranger] = [await person(), await person()];
  await createAuditKeys({ sql: database.sql, log }).use(recipient);
  await assert.rejects(identityOpener(database.sql, stranger.identity), (thrown: ClawError) => {
    assert.equal(thrown.code, "bad_request");
    assert.ok(thrown.message.includes(recipient) && thrown.message.includes(stranger.recipient));
    assert.ok(!thrown.message.includes(stranger.identity));
    return true;
  });
});

test("a broken identity is refused without being repeated", async () => {
  const { identity } = await person();
  const broken = identity.slice(0, -1);
  await assert.rejects(identityOpener(database.sql, broken), (thrown: Error) => {
    assert.match(thrown.message, /age does not know this identity/);
    assert.ok(!`${thrown.message} ${String(thrown.cause)}`.includes(broken.slice(-20)));
    return true;
  });
});

test("an identity file is read as age-keygen writes it", async () => {
  const [one, other] = [await person(), await person()];
  const path = join(directory, "two.key");
  writeFileSync(
    path,
    `# created: 2026-11-28T10:00:00Z\r\n# public key: ${one.recipient}\r\n${one.identity}\r\n\n${other.identity}\n`,
  );
  assert.equal(readIdentityFile(path), `${one.identity}\n${other.identity}`);
});

for (const [what, content, message] of [
  ["encrypted", "age-encryption.org/v1\n-> scrypt abc 18\n", /itself encrypted/],
  ["encrypted in armor", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", /itself encrypted/],
  ["empty but for comments", "# nothing\n", /holds no age identity/],
  ["a plugin's", "AGE-PLUGIN-YUBIKEY-1XYZ\n", /age plugin/],
] as const)
  test(`an identity file that is ${what} is refused with the reason`, () => {
    const path = join(directory, "other.key");
    writeFileSync(path, content);
    assert.throws(() => readIdentityFile(path), { code: "bad_request", message });
  });

test("an identity file that is not there is named", () => {
  assert.throws(() => readIdentityFile(join(directory, "none")), {
    code: "bad_request",
    message: /none cannot be read/,
  });
});
