/** `claw backup`: the database, the config and the keys in one file that only the holder of an age identity can open. */
import type { Writable } from "node:stream";
import { base64url, newestCheckpoint } from "../audit/checkpoint.ts";
import type { Config } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import { connect, type TransactionSql } from "../db/client.ts";
import { lastMigration, type Migration, migrations, type TableShape, tablesAt } from "../db/migrations.ts";
import { ClawError, messageOf } from "../errors.ts";
import { checkKey } from "../keys/check-key.ts";
import { lockClass } from "../queue/locks.ts";
import { createKeyring } from "../seal.ts";
import { version } from "../version.ts";
import { collectConfig } from "./config-files.ts";
import { plainValues, sequencesOf, tableParts } from "./dump.ts";
import { entryNames, formatVersion, type Manifest, tableEntry } from "./format.ts";
import { type ArchiveWriter, type WrittenArchive, writeArchive } from "./write-archive.ts";

/** What is backed up, and for whom. */
export interface BackupOptions {
  readonly config: Config;
  readonly env: Environment;
  /** Of the tables' owner. */
  readonly databaseUrl: string;
  /** age recipients, one at least. */
  readonly recipients: readonly string[];
  /** Whether with the secrets that the config names; the database is worth nothing without OPENCLAW_KEY. */
  readonly secrets: boolean;
  readonly now?: Date;
}

/** What was backed up. */
export interface Backup extends WrittenArchive {
  readonly manifest: Manifest;
}

/**
 * Writes a backup to `sink`: one view of the database, while a gateway goes on. Logins to the ops page and the queue's own tables
 * are left out: the ledgers say all that is to be done. Throws ClawError where something that belongs into it cannot be read.
 */
export async function writeBackup(sink: Writable, options: BackupOptions): Promise<Backup> {
  const { config, env, databaseUrl, recipients, secrets, now = new Date() } = options;
  const { files, elsewhere } = collectConfig(config.file, env, { secrets });
  const keyring = createKeyring(config.key.reveal());
  const sql = connect(databaseUrl, { max: 1, name: "openclaw backup" });
  try {
    // Such a backup would be found to be worthless when it is needed.
    await checkKey(sql, keyring);
    return await sql.begin(async (tx) => {
      await tx`set transaction isolation level repeatable read, read only`;
      await plainValues(tx);
      const migration = await knownMigration(tx);
      const tables = tablesAt(migration).filter(({ name }) => name !== "ops_sessions");
      const manifest: Manifest = {
        format: formatVersion,
        version,
        createdAt: now.toISOString(),
        migration,
        ...(await aboutDatabase(tx)),
        secrets,
        elsewhere: { ...elsewhere },
        tables: Object.fromEntries(tables.map(({ name, columns }) => [name, [...columns]])),
        sequences: await sequencesOf(tx, tables),
      };
      const written = await writeArchive(sink, { recipients, key: keyring.checkpointKey() }, async (archive) => {
        await archive.add(entryNames.manifest, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
        for (const { name, bytes, mode } of files) await archive.add(name, bytes, { mode });
        return addTables(archive, tx, tables);
      });
      return { ...written, manifest };
    });
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "42501") throw thrown;
    throw new ClawError(
      "environment",
      `the database's user may not read all of it (${messageOf(thrown)}): set database.owner_url to the URL of the tables' owner`,
      { cause: thrown },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function addTables(
  archive: ArchiveWriter,
  tx: TransactionSql,
  tables: readonly TableShape[],
): Promise<Record<string, number>> {
  const rows: Record<string, number> = {};
  for (const table of tables) {
    rows[table.name] = 0;
    let part = 0;
    for await (const { bytes, rows: more } of tableParts(tx, table)) {
      await archive.add(tableEntry(table.name, ++part), bytes);
      rows[table.name] = (rows[table.name] ?? 0) + more;
    }
  }
  return rows;
}

async function knownMigration(tx: TransactionSql): Promise<Migration> {
  const last = await lastMigration(tx);
  const known = migrations().find(({ when }) => when === last);
  if (known) return known;
  throw new ClawError(
    "environment",
    last === undefined
      ? "this database has none of our tables yet: start the gateway on it once"
      : "this database was migrated by a later version than this one: back it up with that version",
  );
}

async function aboutDatabase(tx: TransactionSql): Promise<Pick<Manifest, "gateway" | "postgres" | "checkpoint">> {
  const [row] = await tx<{ version: string; running: boolean; checkpoints: boolean }[]>`
    select current_setting('server_version') as version, to_regclass('checkpoints') is not null as checkpoints,
      exists (select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 2
        and classid = ${lockClass.worker}::oid and database = (select oid from pg_database where datname = current_database())) as running`;
  const newest = row?.checkpoints ? await newestCheckpoint(tx) : undefined;
  return {
    gateway: row?.running ? "running" : "stopped",
    postgres: row?.version ?? "",
    checkpoint: newest ? { number: newest.number, hash: base64url(newest.hash) } : null,
  };
}
