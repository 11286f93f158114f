import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { publicKeyOf } from "../../../lib/audit/checkpoint.ts";
import { appendCheckpoints } from "../../../lib/audit/checkpoint-file.ts";
import { takeCheckpoints } from "../../../lib/audit/checkpoint-take.ts";
import { noteRotation } from "../../../lib/audit/key-rotation.ts";
import { type Verdict, verifyAudit, type VerifyOptions } from "../../../lib/audit/verify.ts";
import type { Sql } from "../../../lib/db/client.ts";
import { createKeyring, newKey } from "../../../lib/seal.ts";
import { loadJournal } from "../../bench/journal-load.ts";
import { placesOf, rebuildChain, type SignedJournal, signedJournal } from "../../support/audit.ts";

const [second, third] = [createKeyring(newKey()), createKeyring(newKey())];
const publicOf = (keyring: { checkpointKey(): Parameters<typeof publicKeyOf>[0] }): Uint8Array =>
  publicKeyOf(keyring.checkpointKey());

let journal: SignedJournal;
/** Other runs for each seed. */
let seed = 1;
before(async () => {
  journal = await signedJournal();
});
after(() => journal.drop());

const take = (sql: Sql, keyring: typeof second): Promise<number> =>
  takeCheckpoints(sql, { key: keyring.checkpointKey(), now: new Date(), everyMinutes: 0, most: 15 });

const rotate = (sql: Sql, from: typeof second, to: typeof second): Promise<unknown> =>
  sql.begin((tx) => noteRotation(tx, from.checkpointKey(), to.checkpointKey(), new Date()));

/** Three checkpoints of the first key, then runs of the second's time, then of the third's. */
async function rotatedTwice(sql: Sql): Promise<void> {
  for (const [from, to] of [
    [journal.keyring, second],
    [second, third],
  ] as const) {
    await rotate(sql, from, to);
    await loadJournal(sql, { rows: 60, keyring: to, days: 1, seed: (seed += 1) });
    assert.ok((await take(sql, to)) > 0);
  }
}

/** Verifies a copy whose key was changed twice, by the third key. */
const verified = (
  tamper: (sql: Sql) => Promise<unknown> = async () => undefined,
  options: Partial<VerifyOptions> = {},
): Promise<Verdict> =>
  journal.tampered(
    async (sql) => {
      await rotatedTwice(sql);
      await tamper(sql);
    },
    { key: publicOf(third), ...options },
  );

test("signatures of two keys before hold by the newest key alone, and the file from before the changes with them", async () => {
  const verdict = await verified(undefined, { file: journal.file });
  assert.deepEqual(placesOf(verdict), []);
  assert.ok(verdict.checkpoints > 4 && verdict.lines === 3);
  assert.deepEqual(
    verdict.rotations.map(({ checkpoint, retiredKey }) => [checkpoint, Buffer.from(retiredKey).toString("hex")]),
    [
      [3, Buffer.from(journal.key).toString("hex")],
      [verdict.rotations[1]?.checkpoint, Buffer.from(publicOf(second)).toString("hex")],
    ],
  );
});

test("the file goes on after a change of the key", async () => {
  await journal.tampered(async (sql) => {
    await rotatedTwice(sql);
    await appendCheckpoints(sql, journal.file);
    const verdict = await verifyAudit(sql, { key: publicOf(third), file: journal.file, checkpointMinutes: 60 });
    assert.deepEqual([placesOf(verdict), verdict.lines], [[], verdict.checkpoints]);
  });
});

test("a key that was never used for a checkpoint is passed over", async () => {
  const verdict = await journal.tampered(
    async (sql) => {
      await rotate(sql, journal.keyring, second);
      await rotate(sql, second, third);
    },
    { key: publicOf(third) },
  );
  assert.deepEqual(placesOf(verdict), []);
});

test("where nothing was ever signed, a change of the key is no fault", async () => {
  const verdict = await journal.tampered(
    async (sql) => {
      await sql`truncate checkpoints, checkpoint_heads, journal, runs, run_keys`;
      await rotate(sql, journal.keyring, second);
    },
    { key: publicOf(second) },
  );
  assert.deepEqual(placesOf(verdict), []);
});

test("an earlier key, or a foreign one, does not verify what follows it", async () => {
  for (const key of [journal.key, publicOf(second), publicOf(createKeyring(newKey()))]) {
    const verdict = await verified(undefined, { key });
    assert.equal(placesOf(verdict)[0], "key");
    assert.match(verdict.findings.first[0]?.text ?? "", /^change 2 of the key is to .*: it vouches for nothing$/);
  }
});

const forger = { checkpointKey: () => generateKeyPairSync("ed25519").privateKey };
const firstCheckpoints = ["signature checkpoint 1", "signature checkpoint 2", "signature checkpoint 3"];

const attacks: Record<string, readonly [tamper: (sql: Sql) => Promise<unknown>, found: readonly string[]]> = {
  "a vouching that was taken out": [
    (sql) => sql`delete from key_rotations where number = 1`,
    ["key", ...firstCheckpoints],
  ],
  "all of them taken out": [(sql) => sql`delete from key_rotations`, firstCheckpoints],
  "another key put in the place of a retired one": [
    (sql) => sql`update key_rotations set retired_key = ${publicOf(forger)} where number = 1`,
    ["key", ...firstCheckpoints],
  ],
  "a vouching of an attacker's own making, for their own key": [
    async (sql) => {
      await sql`delete from key_rotations where number = 1`;
      const mine = forger.checkpointKey();
      await sql.begin(async (tx) => {
        await tx`create temp table others on commit drop as select * from key_rotations`;
        await tx`delete from key_rotations`;
        await noteRotation(tx, mine, mine, new Date());
        await tx`insert into key_rotations select * from others`;
      });
    },
    ["key", ...firstCheckpoints],
  ],
  "a further change, to an attacker's key": [
    async (sql) => {
      const mine = forger.checkpointKey();
      await sql.begin((tx) => noteRotation(tx, third.checkpointKey(), mine, new Date()));
    },
    ["key"],
  ],
  "more vouched for than was": [
    (sql) => sql`update key_rotations set checkpoint = checkpoint + 1 where number = 1`,
    ["key", ...firstCheckpoints],
  ],
};

for (const [what, [tamper, found]] of Object.entries(attacks))
  test(`${what} is found, and no key is believed for standing in the database`, async () => {
    const places = placesOf(await verified(tamper));
    for (const place of found) assert.ok(places.includes(place), `${place} in ${places.join(", ")}`);
  });

test("who has the key from before can change nothing that was signed with it", async () => {
  const verdict = await verified(async (sql) => {
    const run = journal.runs[0] ?? "";
    await sql`update journal set finish_reason = 'failed' where run_id = ${run} and type = 'run.finished'`;
    await rebuildChain(sql, run);
    await sql`delete from checkpoint_heads where number <= 3`;
    await sql`delete from checkpoints where number <= 3`;
    await sql`update runs set checkpoint = null where checkpoint <= 3`;
    // Everything behind is put back as it was, so that only the leaked key's part is another.
    await sql`create temp table later as select * from checkpoints`;
    await sql`create temp table later_heads as select * from checkpoint_heads`;
    await sql`delete from checkpoint_heads`;
    await sql`delete from checkpoints`;
    await takeCheckpoints(sql, { key: journal.keyring.checkpointKey(), now: new Date(), everyMinutes: 0, most: 15 });
    await sql`delete from checkpoints where number > 3`;
    await sql`delete from checkpoint_heads where number > 3`;
    await sql`insert into checkpoints select * from later`;
    await sql`insert into checkpoint_heads select * from later_heads on conflict do nothing`;
  });
  assert.ok(placesOf(verdict).includes("checkpoint checkpoint 3"), placesOf(verdict).join(", "));
  assert.match(
    verdict.findings.first.find(({ checkpoint }) => checkpoint === 3)?.text ?? "",
    /checkpoint 3 is not the one that the key after its own has vouched for/,
  );
});

test("who has the key from before can sign nothing more", async () => {
  const verdict = await verified(async (sql) => {
    await loadJournal(sql, { rows: 60, keyring: third, days: 1, seed: (seed += 1) });
    await take(sql, journal.keyring);
  });
  assert.ok(placesOf(verdict).every((place) => place.startsWith("signature checkpoint ")));
  assert.ok(!verdict.whole);
});

test("a vouching of another database, by the same key, vouches for nothing here", async () => {
  const other = await signedJournal();
  let vouching: unknown;
  await other.tampered(async (sql) => {
    await rotate(sql, other.keyring, second);
    [vouching] = await sql`select * from key_rotations`;
  });
  await other.drop();
  const verdict = await journal.tampered((sql) => sql`insert into key_rotations ${sql(vouching as never)}`, {
    key: publicOf(second),
  });
  assert.deepEqual(placesOf(verdict), ["signature checkpoint 1", "signature checkpoint 2", "checkpoint checkpoint 3"]);
});

test("the last checkpoints taken out are missed, without a file, where a change of the key vouches for them", async () => {
  const verdict = await journal.tampered(
    async (sql) => {
      await rotate(sql, journal.keyring, second);
      await sql`delete from checkpoint_heads where number = 3`;
      await sql`delete from checkpoints where number = 3`;
    },
    { key: publicOf(second) },
  );
  assert.ok(placesOf(verdict).includes("checkpoint checkpoint 3"));
});

test("without a key to go by, the newest key is held against all", async () => {
  assert.deepEqual(placesOf(await verified(undefined, { key: undefined })), []);
  const places = placesOf(await verified((sql) => sql`delete from key_rotations`, { key: undefined }));
  assert.ok(places.length > 0);
});
