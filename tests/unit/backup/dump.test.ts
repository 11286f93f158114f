import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "../../support/property.ts";
import { loadPart, plainValues, sequencesOf, setSequences, tableParts } from "../../../lib/backup/dump.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
  await database.sql.unsafe(`
    create table every_type (id bigint generated always as identity primary key, t text, b bytea, j jsonb, f double precision,
      n numeric(14, 6), i integer, l bigint, o boolean, u uuid, d date, s timestamptz, a text[]);
    create table copied (like every_type including identity)`);
});
after(() => database.drop());

const columns = ["id", "t", "b", "j", "f", "n", "i", "l", "o", "u", "d", "s", "a"];

/** PostgreSQL's text has no zero byte, and its UTF-8 no half of a pair. */
const text = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom("\\", "N", ".", "\n", "\r", "\t", "\v", '"', "{", ",", "é", "☃", "😀") }),
  )
  .filter((value) => value.isWellFormed() && !value.includes("\0"));
const maybe = <Of>(of: fc.Arbitrary<Of>): fc.Arbitrary<Of | null> => fc.option(of, { nil: null });
const row = fc.record({
  t: maybe(text),
  b: maybe(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))),
  j: maybe(fc.record({ text, list: fc.array(text), number: fc.double({ noNaN: true, noDefaultInfinity: true }) })),
  f: maybe(fc.double()),
  n: maybe(fc.constantFrom("NaN", "0.000001", "-99999999.999999", "1")),
  i: maybe(fc.integer()),
  l: maybe(fc.maxSafeInteger()),
  o: maybe(fc.boolean()),
  u: maybe(fc.uuid()),
  d: maybe(fc.constantFrom("infinity", "-infinity", "2026-11-29", "0044-03-15 BC")),
  s: maybe(
    fc.constantFrom("infinity", "2026-10-25 02:30:00.123456+02", "1999-12-31 23:59:59.999999Z", "0001-01-01 00:00Z"),
  ),
  a: maybe(fc.array(maybe(text), { maxLength: 4 })),
});

const all = async (table: string): Promise<string[]> =>
  (
    await database.sql<
      { row: string }[]
    >`select row(${database.sql(columns)})::text as row from ${database.sql(table)} order by id`
  ).map(({ row }) => row);

async function* bytesOf(parts: AsyncIterable<{ bytes: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of parts) yield bytes;
}

describe("rows that are copied out and in", () => {
  test("are the same, whatever is in them", async () => {
    const { sql } = database;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (rows) => {
        await sql`truncate every_type, copied`;
        for (const { j, a, d, s, ...rest } of rows) {
          const [added] = await sql<{ id: number }[]>`
            insert into every_type ${sql({ ...rest, j: j === null ? null : sql.json(j), a: a as never })} returning id`;
          await sql`
            update every_type set d = ${d}::text::date, s = ${s}::text::timestamptz where id = ${added?.id ?? 0}`;
        }
        const parts: Uint8Array[] = [];
        let counted = 0;
        await sql.begin(async (tx) => {
          await plainValues(tx);
          for await (const part of tableParts(tx, { name: "every_type", columns })) {
            parts.push(part.bytes);
            counted += part.rows;
          }
        });
        assert.equal(counted, rows.length);
        // Cut anywhere, as a stream may be.
        const whole = Buffer.concat(parts);
        const middle = Math.floor(whole.length / 2);
        const loaded = await sql.begin(async (tx) => {
          await plainValues(tx);
          return loadPart(
            tx,
            { name: "copied", columns },
            (async function* () {
              yield whole.subarray(0, middle);
              yield whole.subarray(middle);
            })(),
          );
        });
        assert.equal(loaded, rows.length);
        assert.deepEqual(await all("copied"), await all("every_type"));
      }),
      { numRuns: 60 },
    );
  });

  test("come in parts of whole rows, also where one row is longer than a part", async () => {
    const { sql } = database;
    await sql`truncate every_type, copied`;
    await sql`insert into every_type (t, b) select repeat('x', 100000), null from generate_series(1, 120)`;
    await sql`insert into every_type (t) values (${"long ".repeat(2_000_000)})`;
    await sql`insert into every_type (t) values ('last')`;
    const parts: { bytes: Uint8Array; rows: number }[] = [];
    await sql.begin(async (tx) => {
      for await (const part of tableParts(tx, { name: "every_type", columns })) parts.push(part);
      // The connection is free for the next statement.
      assert.deepEqual([...(await tx`select 1 as one`)], [{ one: 1 }]);
    });
    assert.equal(
      parts.reduce((sum, { rows }) => sum + rows, 0),
      122,
    );
    assert.ok(parts.length >= 3, `${parts.length} parts`);
    for (const { bytes, rows } of parts) assert.ok(rows === 1 || bytes.length < 16_000_000);
    for (const { bytes } of parts) assert.equal(bytes.at(-1), 10);
    await sql.begin((tx) =>
      loadPart(
        tx,
        { name: "copied", columns },
        bytesOf(
          (async function* () {
            yield* parts;
          })(),
        ),
      ),
    );
    assert.deepEqual(await all("copied"), await all("every_type"));
  });

  test("that the database refuses reject with its reason, and the transaction can be rolled back", async () => {
    const { sql } = database;
    const bad = (async function* () {
      yield Buffer.from("1\tone\n2\ttwo\tthree\n");
    })();
    const broken = (async function* () {
      yield Buffer.from("1\tone\n");
      throw new Error("the file is damaged");
    })();
    await assert.rejects(
      sql.begin((tx) => loadPart(tx, { name: "copied", columns: ["id", "t"] }, broken)),
      /the file is damaged/,
    );
    assert.deepEqual([...(await sql`select count(*)::int as count from copied where t = 'one'`)], [{ count: 0 }]);
    await assert.rejects(
      sql.begin((tx) => loadPart(tx, { name: "copied", columns: ["id", "t"] }, bad)),
      /extra data/,
    );
    assert.deepEqual([...(await sql`select 1 as one`)], [{ one: 1 }]);
  });
});

test("identity columns go on with the next number", async () => {
  const { sql } = database;
  await sql`truncate every_type, copied restart identity`;
  await sql`insert into every_type (t) select 'x' from generate_series(1, 5)`;
  const table = { name: "every_type", columns, identities: ["id"] };
  const next = await sql.begin((tx) => sequencesOf(tx, [table, { name: "copied", columns, identities: ["id"] }]));
  assert.deepEqual(next, { "every_type.id": 6, "copied.id": 1 });
  await sql.begin((tx) => setSequences(tx, { "copied.id": 6 }));
  assert.deepEqual([...(await sql`insert into copied (t) values ('y') returning id`)], [{ id: 6 }]);
});
