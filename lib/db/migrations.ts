/** The migrations there are, and what tables there are after each. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Sql, TransactionSql } from "./client.ts";

export const migrationsFolder = fileURLToPath(new URL("../../drizzle/migrations", import.meta.url));

/** One step forward; its file is `drizzle/migrations/TAG.sql`. */
export interface Migration {
  readonly tag: string;
  /** Milliseconds since 1970: what the database notes of it, and what orders them. */
  readonly when: number;
}

/** A table of ours as it was after a migration. */
export interface TableShape {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns that number rows by themselves. */
  readonly identities: readonly string[];
}

/** All of them, oldest first. */
export function migrations(): Migration[] {
  const { entries } = readMeta("_journal.json") as { entries: Migration[] };
  return entries.map(({ tag, when }) => ({ tag, when }));
}

/** The tables after a migration, as drizzle-kit noted them beside it. */
export function tablesAt({ tag }: Migration): TableShape[] {
  const { tables } = readMeta(`${tag.split("_")[0] ?? ""}_snapshot.json`) as { tables: Record<string, SnapshotTable> };
  return Object.values(tables).map(({ name, columns }) => ({
    name,
    columns: Object.keys(columns),
    identities: Object.values(columns).flatMap((column) => (column.identity === undefined ? [] : [column.name])),
  }));
}

interface SnapshotTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, { readonly name: string; readonly identity?: unknown }>>;
}

const readMeta = (file: string): unknown => JSON.parse(readFileSync(`${migrationsFolder}/meta/${file}`, "utf8"));

/** `when` of the last migration that the database has; undefined where it has none. */
export async function lastMigration(sql: Sql | TransactionSql): Promise<number | undefined> {
  const [noted] = await sql<{ there: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as there`;
  if (!noted?.there) return undefined;
  const [row] = await sql<{ last: number | null }[]>`select max(created_at) as last from drizzle.__drizzle_migrations`;
  return row?.last ?? undefined;
}

/**
 * Applies the migrations after `after` (undefined: from the first) up to `upTo` within the caller's transaction, and notes them
 * as drizzle-orm does. The queue's tables and the roles are `migrate`'s.
 */
export async function applyMigrations(tx: TransactionSql, after: number | undefined, upTo: number): Promise<void> {
  const { readMigrationFiles } = await import("drizzle-orm/migrator");
  await tx`create schema if not exists drizzle`;
  await tx`create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
  for (const { sql: statements, hash, folderMillis } of readMigrationFiles({ migrationsFolder })) {
    if (folderMillis <= (after ?? 0) || folderMillis > upTo) continue;
    for (const statement of statements) await tx.unsafe(statement);
    await tx`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`;
  }
}
