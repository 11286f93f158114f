/** Looks for texts in everything a database holds, whatever its tables and columns are called. */
import type { Sql } from "../../lib/db/client.ts";

interface Place {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/**
 * Columns, as "schema.table.column", that hold any of the texts: as text, as bytes, in base64 or in hex, in every table
 * of every schema but PostgreSQL's own. Also returns how many rows were looked at, so that a test can tell it looked.
 */
export async function scanDatabase(sql: Sql, texts: readonly string[]): Promise<{ found: string[]; rows: number }> {
  const places = await sql<Place[]>`
    select c.table_schema as schema, c.table_name as table, c.column_name as column
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')`;
  const forms = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    // base64 of a part of a longer text begins at any of three offsets; the middle of each form is the same.
    const shifted = [0, 1, 2].map((shift) =>
      Buffer.concat([Buffer.alloc(shift), bytes])
        .toString("base64")
        .slice(shift === 0 ? 0 : 4, -4),
    );
    return [text, bytes.toString("hex"), ...shifted];
  });
  const found = new Set<string>();
  let rows = 0;
  for (const { schema, table, column } of places) {
    const values = await sql<{ value: string }[]>`
      select ${sql(column)}::text as value from ${sql(schema)}.${sql(table)} where ${sql(column)} is not null`;
    rows += values.length;
    for (const { value } of values)
      if (forms.some((form) => value.includes(form))) found.add(`${schema}.${table}.${column}`);
  }
  return { found: [...found], rows };
}
