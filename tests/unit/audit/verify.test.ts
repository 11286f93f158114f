import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Command } from "commander";
import fc from "../../support/property.ts";
import { addVerify } from "../../../functions/commands/audit-verify.ts";
import { ExitCode } from "../../../functions/commands/context.ts";
import { base64url } from "../../../lib/audit/checkpoint.ts";
import { copiedColumns } from "../../../lib/audit/verify-columns.ts";
import { verifyAudit } from "../../../lib/audit/verify.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { beginRun } from "../../../lib/ledger/runs.ts";
import { placesOf, rebuildChain, rebuildCheckpoints, type SignedJournal, signedJournal } from "../../support/audit.ts";

let journal: SignedJournal;
/** A run in the middle of all, of at least six rows. */
let run: string;
let rows: number;

before(async () => {
  journal = await signedJournal();
  const database = await journal.copy();
  const [found] = await database.sql<{ id: string; rows: number }[]>`
    select run_id as id, count(*)::int as rows from journal where run_id > ${journal.runs[5] ?? ""}
    group by run_id having count(*) >= 6 order by run_id limit 1`;
  await database.drop();
  assert.ok(found);
  ({ id: run, rows } = found);
});
after(() => journal.drop());

test("an untouched trail is whole, by the key and by the file", async () => {
  const verdict = await journal.tampered(async () => undefined, { file: journal.file });
  assert.deepEqual(placesOf(verdict), []);
  const { whole, checkpoints, lines } = verdict;
  assert.deepEqual(
    { whole, runs: verdict.runs, rows: verdict.rows, checkpoints, lines },
    { whole: true, runs: journal.runs.length, rows: journal.rows, checkpoints: 3, lines: 3 },
  );
});

test("payloads whose keys were erased leave the trail whole", async () => {
  const verdict = await journal.tampered((sql) => sql`update run_keys set wrapped = null, erased_at = now()`);
  assert.deepEqual(placesOf(verdict), []);
});

const change: Record<string, [tamper: (sql: Sql) => Promise<unknown>, found: () => string[]]> = {
  "a changed column": [
    (sql) => sql`update journal set finish_reason = 'failed' where run_id = ${run} and seq = ${rows - 1}`,
    () => [`changed ${run} row ${rows - 1}`],
  ],
  "a changed payload": [
    (sql) => sql`update journal set payload = payload || '\\x00' where run_id = ${run} and seq = 0`,
    () => [`changed ${run} row 0`],
  ],
  "a payload that was taken out": [
    (sql) => sql`update journal set payload = null where run_id = ${run} and seq = 0`,
    () => [`changed ${run} row 0`],
  ],
  "a row whose own hash was made anew": [
    async (sql) => {
      await sql`update journal set rule = 'other' where run_id = ${run} and seq = 2`;
      const [row] = await sql<{ hash: Uint8Array; prev_hash: Uint8Array }[]>`
        select hash, prev_hash from journal where run_id = ${run} and seq = 3`;
      await rebuildChain(sql, run);
      await sql`update journal set hash = ${row?.hash ?? ""} where run_id = ${run} and seq = 3`;
    },
    () => [`changed ${run} row 3`],
  ],
  "a row taken out of the middle": [
    (sql) => sql`delete from journal where run_id = ${run} and seq = 3`,
    () => [`missing ${run} row 3`],
  ],
  "a row taken out of the middle, the others numbered anew": [
    async (sql) => {
      await sql`delete from journal where run_id = ${run} and seq = 3`;
      for (let seq = 4; seq < rows; seq++)
        await sql`update journal set seq = ${seq - 1} where run_id = ${run} and seq = ${seq}`;
    },
    () => [`order ${run} row 3`],
  ],
  "two rows that changed places": [
    async (sql) => {
      await sql`update journal set seq = 99 where run_id = ${run} and seq = 2`;
      await sql`update journal set seq = 2 where run_id = ${run} and seq = 3`;
      await sql`update journal set seq = 3 where run_id = ${run} and seq = 99`;
    },
    () => [`order ${run} row 2`],
  ],
  "a tail that was cut off": [
    (sql) => sql`delete from journal where run_id = ${run} and seq >= ${rows - 2}`,
    () => [`truncated ${run} row ${rows - 2}`],
  ],
  "a run whose journal is gone": [
    (sql) => sql`delete from journal where run_id = ${run}`,
    () => [`deleted ${run} row 0`],
  ],
  "a run of which nothing is left but its head": [
    async (sql) => {
      await sql`delete from journal where run_id = ${run}`;
      await sql`delete from runs where id = ${run}`;
    },
    () => [`deleted ${run} row 0`],
  ],
  "a chain without its row in runs": [(sql) => sql`delete from runs where id = ${run}`, () => [`orphan ${run} row 0`]],
  "a row of runs that says another principal": [
    (sql) => sql`update runs set principal = 'telegram:666' where id = ${run}`,
    () => [`run ${run} row 0`],
  ],
  "a row of runs that says another prompt": [
    (sql) => sql`update runs set prompt_hash = 'other' where id = ${run}`,
    () => [`run ${run} row 0`],
  ],
  "a chain that was rebuilt": [
    async (sql) => {
      await sql`update journal set rule = 'other' where run_id = ${run} and seq = 1`;
      await rebuildChain(sql, run);
    },
    () => [`rebuilt ${run}`],
  ],
  "a row after the end": [
    async (sql) => {
      await sql`insert into journal select (jsonb_populate_record(j, jsonb_build_object('seq', ${rows}::int))).* from journal j
        where run_id = ${run} and seq = ${rows - 1}`;
      await rebuildChain(sql, run);
    },
    () => [`added ${run} row ${rows}`],
  ],
  "a run that no checkpoint has": [
    (
      sql,
    ) => sql`insert into runs select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'checkpoint', null,
      'state', 'failed', 'finished_at', now() - interval '1 day'))).* from runs r where id = ${run}`,
    () => [],
  ],
};

for (const [what, [tamper, found]] of Object.entries(change))
  test(`${what} ${what === "a run that no checkpoint has" ? "and that has no journal may have been given up" : "is found and named"}`, async () => {
    assert.deepEqual(placesOf(await journal.tampered(tamper)), found());
  });

test("a chain that was rebuilt with its head is found by the hash of the heads", async () => {
  const verdict = await journal.tampered(async (sql) => {
    await sql`update journal set rule = 'other' where run_id = ${run} and seq = 1`;
    await rebuildChain(sql, run);
    await sql`update checkpoint_heads h set hash = j.hash from journal j
      where h.run_id = ${run} and j.run_id = ${run} and j.seq = ${rows - 1}`;
  });
  assert.equal(verdict.findings.first.length, 1);
  assert.match(verdict.findings.first[0]?.text ?? "", /checkpoint \d has other heads than it was signed with/);
});

test("chain, heads and checkpoints rebuilt with another key are found by the key, and by the file without a key", async () => {
  const tamper = async (sql: Sql): Promise<void> => {
    await sql`update journal set rule = 'other' where run_id = ${run} and seq = 1`;
    await rebuildChain(sql, run);
    await rebuildCheckpoints(sql);
  };
  const byKey = await journal.tampered(tamper);
  assert.deepEqual(
    placesOf(byKey),
    [1, 2, 3].map((number) => `signature checkpoint ${number}`),
  );
  const byNothing = await journal.tampered(tamper, { key: undefined });
  assert.deepEqual(placesOf(byNothing), []);
  const byFile = await journal.tampered(tamper, { key: undefined, file: journal.file });
  const places = placesOf(byFile).filter((place) => place.startsWith("rebuilt"));
  assert.equal(places.length, 1);
  assert.match(places[0] ?? "", new RegExp(`rebuilt ${run} checkpoint \\d`));
  assert.equal(byFile.findings.counts.file, 3);
});

test("a checkpoint that was taken away is found by the next; the last one by the file", async () => {
  const without = (number: number) => async (sql: Sql) => {
    await sql`delete from checkpoint_heads where number = ${number}`;
    await sql`delete from checkpoints where number = ${number}`;
    await sql`update runs set checkpoint = null where checkpoint = ${number}`;
  };
  const middle = placesOf(await journal.tampered(without(2)));
  assert.ok(middle.includes("checkpoint checkpoint 3"), middle.join("; "));
  const last = placesOf(await journal.tampered(without(3), { file: journal.file }));
  assert.ok(last.includes("file checkpoint 3"), last.join("; "));
});

test("a run that was taken out of its checkpoint, and one that ended long ago and is in none, are found", async () => {
  const taken = placesOf(await journal.tampered((sql) => sql`delete from checkpoint_heads where run_id = ${run}`));
  assert.equal(taken.filter((place) => place.startsWith(`unsigned ${run}`)).length, 1);
  const [old] = placesOf(
    await journal.tampered(async (sql) => {
      await sql`delete from checkpoint_heads`;
      await sql`delete from checkpoints`;
      await sql`update runs set checkpoint = null`;
    }),
  );
  assert.match(old ?? "", /^unsigned /);
});

test("a checkpoint with a changed number of runs, time, signature or key is found", async () => {
  const tampering: [(sql: Sql) => Promise<unknown>, string][] = [
    [(sql) => sql`update checkpoints set runs = runs + 1 where number = 2`, "checkpoint checkpoint 2"],
    [(sql) => sql`update checkpoints set at = at + interval '1 s' where number = 2`, "checkpoint checkpoint 2"],
    [
      (sql) =>
        sql`update checkpoints set signature = set_byte(signature, 3, get_byte(signature, 3) # 1) where number = 2`,
      "signature checkpoint 2",
    ],
    [(sql) => sql`update checkpoints set public_key = sha256('other') where number = 2`, "signature checkpoint 2"],
    [(sql) => sql`update checkpoints set hash = sha256('other') where number = 3`, "checkpoint checkpoint 3"],
  ];
  for (const [tamper, place] of tampering) assert.deepEqual(placesOf(await journal.tampered(tamper)), [place]);
});

test("a line of the file that was changed is found", async () => {
  const file = `${journal.file}.changed`;
  const { readFileSync } = await import("node:fs");
  writeFileSync(file, readFileSync(journal.file, "utf8").replace(/"runs":15/, '"runs":14'));
  assert.deepEqual(placesOf(await journal.tampered(async () => undefined, { file })), ["file checkpoint 1"]);
  await assert.rejects(
    journal.tampered(async () => undefined, { file: `${file}.not` }),
    { code: "bad_request" },
  );
});

test("every column of the journal is in what is hashed and compared", async () => {
  const database = await journal.copy();
  const columns = await database.sql<{ name: string }[]>`
    select column_name as name from information_schema.columns where table_name = 'journal' and table_schema = 'public'`;
  await database.drop();
  assert.deepEqual(columns.map(({ name }) => name).toSorted(), copiedColumns.toSorted());
});

test("any change of any one column of any row is found, and nothing else is", async () => {
  const database = await journal.copy();
  const { sql } = database;
  const types = new Map(
    (
      await sql<{ name: string; type: string }[]>`
        select column_name as name, data_type as type from information_schema.columns where table_name = 'journal' and table_schema = 'public'`
    ).map(({ name, type }) => [name, type]),
  );
  const all = await sql<{ run_id: string; seq: number }[]>`select run_id, seq from journal order by run_id, seq`;
  const other: Record<string, string> = {
    text: "coalesce(C, '') || 'x'",
    uuid: "gen_random_uuid()",
    integer: "coalesce(C, -1) + 1000",
    bigint: "coalesce(C, 9007199254740992) + 1",
    "double precision": "case when C is null then 0.3 else C * (1 + 2.3e-16) end",
    boolean: "case when C then false else true end",
    "timestamp with time zone": "C + interval '1 microsecond'",
    bytea:
      "case when coalesce(length(C), 0) = 0 then '\\x00' else set_byte(C, length(C) - 1, get_byte(C, length(C) - 1) # 1) end",
  };
  try {
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length - 1), fc.constantFrom(...copiedColumns), async (index, column) => {
        const row = all[index];
        assert.ok(row);
        const changed = (other[types.get(column) ?? ""] ?? "").replaceAll("C", column);
        const place = sql`run_id = ${row.run_id} and seq = ${row.seq}`;
        await sql`create table kept as select * from journal where ${place}`;
        const [moved] = await sql<{ ctid: string; differs: boolean }[]>`
          update journal set ${sql.unsafe(`${column} = ${changed}`)} where ${place}
          returning ctid::text, ${sql.unsafe(column)} is distinct from (select ${sql.unsafe(column)} from kept) as differs`;
        assert.equal(moved?.differs, true, column);
        const { whole, findings } = await verifyAudit(sql, { key: journal.key, checkpointMinutes: 60 });
        await sql`delete from journal where ctid = ${moved.ctid}::tid`;
        await sql`insert into journal select * from kept`;
        await sql`drop table kept`;
        assert.equal(whole, false, `${column} of row ${row.seq}`);
        if (column !== "run_id") assert.equal(findings.first[0]?.run, row.run_id);
        if (column !== "run_id" && column !== "seq" && column !== "hash") assert.equal(findings.first[0]?.seq, row.seq);
      }),
      { numRuns: 80 },
    );
    const { findings } = await verifyAudit(sql, { key: journal.key, checkpointMinutes: 60 });
    assert.deepEqual(findings.first, []);
  } finally {
    await database.drop();
  }
});

test("what is written by a run is verified as it was written: a cost of 0.1 + 0.2, odd letters, nothing at all", async () => {
  const database = await journal.copy();
  try {
    const open = beginRun(
      database.sql,
      journal.keyring,
      {
        id: randomUUID(),
        conversationId: randomUUID(),
        lane: "telegram:x:1",
        agent: "ops",
        principal: "telegram:1",
        trigger: "chat",
        policyHash: "p",
        promptHash: "p",
      },
      [],
    );
    await open.append([
      {
        type: "llm.answered",
        answer: {
          text: "",
          toolCalls: [],
          finishReason: 'a "\\\u0001\u007f\u2028 ü 😀',
          usage: { inputTokens: 2 ** 53 - 1, outputTokens: 0, cachedTokens: undefined },
          cost: { amount: 0.1 + 0.2, source: "provider" },
          backend: "",
          model: "m",
          responseId: undefined,
          requestId: undefined,
          milliseconds: 0,
        },
      },
      {
        type: "llm.answered",
        answer: {
          text: "",
          toolCalls: [],
          finishReason: "stop",
          usage: undefined,
          cost: { amount: 1e-7, source: "list" },
          refusal: true,
          backend: "b",
          model: "m",
          responseId: "r",
          requestId: "q",
          milliseconds: 0.4,
        },
      },
      { type: "run.waiting" },
    ]);
    const verdict = await verifyAudit(database.sql, { key: journal.key, checkpointMinutes: 60 });
    assert.deepEqual(placesOf(verdict), []);
    assert.equal(verdict.rows, journal.rows + 3);
  } finally {
    await database.drop();
  }
});

test("the role that only reads the audit trail can verify it", async () => {
  const database = await journal.copy();
  const url = new URL(database.url);
  url.searchParams.set("options", "-c role=openclaw_audit");
  const sql = connect(url.href, { max: 1 });
  try {
    const verdict = await verifyAudit(sql, { key: journal.key, checkpointMinutes: 60, file: journal.file });
    assert.equal(verdict.whole, true);
    await assert.rejects(sql`select 1 from runs`, { code: "42501" });
  } finally {
    await sql.end();
    await database.drop();
  }
});

/** The command with a database and no config. Returns what it printed, and its exit code. */
async function run_(url: string, ...argv: string[]): Promise<{ out: string; code: number }> {
  const out: string[] = [];
  const program = new Command().exitOverride();
  addVerify(program, {
    env: new Environment({ DATABASE_URL: url }),
    configFile: () => "",
    loadConfig: () => Promise.reject(new Error("no config is read")),
    out: (line) => void out.push(line),
    note: () => undefined,
  });
  try {
    await program.parseAsync(["verify", "--without-config", ...argv], { from: "user" });
    return { out: out.join("\n"), code: 0 };
  } catch (thrown) {
    if (!(thrown instanceof ExitCode)) throw thrown;
    return { out: out.join("\n"), code: thrown.code };
  }
}

test("claw audit verify says what it read, and by its exit code whether that is whole; first of all the first bad row", async () => {
  const database = await journal.copy();
  try {
    const key = base64url(journal.key);
    const whole = await run_(database.url, "--key", key, "--checkpoints", journal.file);
    assert.equal(whole.code, 0);
    assert.match(
      whole.out,
      new RegExp(
        `^Read ${journal.runs.length} runs, ${journal.rows} rows and 3 checkpoints, and 3 lines of the file in`,
      ),
    );
    assert.match(whole.out, /\nThe trail is whole\.$/);
    await database.sql`update journal set rule = 'other' where run_id = ${run} and seq = 1`;
    await database.sql`update checkpoints set runs = 1 where number = 1`;
    const broken = await run_(database.url, "--key", key);
    assert.equal(broken.code, 1);
    assert.match(
      broken.out,
      new RegExp(`NOT whole: 2 things are wrong\\.\nFirst: run ${run}, row 1: row 1 was changed`),
    );
    const json = await run_(database.url, "--json");
    assert.equal(json.code, 1);
    const { first, wrong } = JSON.parse(json.out) as { first: object; wrong: number };
    assert.deepEqual(
      { ...first, wrong },
      { kind: "changed", run, seq: 1, text: "row 1 was changed: its hash is another", wrong: 2 },
    );
    await assert.rejects(run_(database.url, "--key", "short"), { code: "bad_request" });
  } finally {
    await database.drop();
  }
});
