/** `claw restore`: the database of a backup, in one transaction: it is there whole, or nothing of it is. */
import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import { connect, type TransactionSql } from "../db/client.ts";
import { migrate, migrationLock } from "../db/migrate.ts";
import { applyMigrations, migrations, tablesAt } from "../db/migrations.ts";
import { ClawError, messageOf } from "../errors.ts";
import { oneLine } from "../one-line.ts";
import { loadPart, plainValues, setSequences } from "./dump.ts";
import { type Contents, type Manifest, tableOf } from "./format.ts";
import { archiveEntries, digested, type SealedArchive, type VerifiedArchive } from "./read-archive.ts";
import { type SetAside, setAside } from "./set-aside.ts";

/** What is restored, and into which database. */
export interface RestoreOptions {
  readonly archive: SealedArchive;
  /** Of that archive, by `verifyArchive`. */
  readonly verified: VerifiedArchive;
  readonly config: Pick<Config, "jobs">;
  /** Of who is to own the tables; `login`: the gateway's own, where that is another user. */
  readonly databaseUrl: string;
  readonly login?: string | undefined;
  /** Whether what was under way is gone on with: right where no gateway has worked since the backup. */
  readonly resume: boolean;
  readonly now?: Date;
}

/** What was restored. */
export interface RestoredDatabase {
  readonly rows: number;
  /** Undefined: it is gone on with. */
  readonly aside: SetAside | undefined;
}

/** Throws ClawError `bad_request` where this version cannot restore the backup, or it must not be resumed. */
export function refuseForeign(
  { migration, version, gateway }: Manifest,
  { resume }: { readonly resume: boolean },
): void {
  if (!migrations().some(({ tag, when }) => tag === migration.tag && when === migration.when))
    throw new ClawError(
      "bad_request",
      `this backup was made by version ${version}, whose migration ${migration.tag} this version does not know: install ${version} or a later one, and restore with that`,
    );
  if (resume && gateway === "running")
    throw new ClawError(
      "bad_request",
      "this backup was made while a gateway worked: what that did afterwards is not in it, and with --resume would be done twice. Stop the gateway, make another backup and restore that one; or leave out --resume",
    );
}

/**
 * Makes the tables as they were, fills them, brings them up to date and sets aside what was under way, all in one transaction; a
 * gateway that is started meanwhile waits for its end. Then the queue's tables and the roles. Throws ClawError where the database
 * has tables of ours already.
 */
export async function restoreDatabase(options: RestoreOptions): Promise<RestoredDatabase> {
  const { verified, databaseUrl, login } = options;
  const { manifest, contents } = verified;
  checkTables(manifest);
  const sql = connect(databaseUrl, { max: 1, name: "openclaw restore" });
  let restored: RestoredDatabase;
  try {
    restored = await sql.begin((tx) => restoreWithin(tx, options, manifest, contents));
    await sql`analyze`;
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "42501") throw thrown;
    throw new ClawError(
      "environment",
      `the database's user may not make tables in it (${messageOf(thrown)}): set database.owner_url to the URL of one who may`,
      { cause: thrown },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
  await migrate(databaseUrl, login);
  return restored;
}

async function restoreWithin(
  tx: TransactionSql,
  { archive, config, resume, now = new Date() }: RestoreOptions,
  manifest: Manifest,
  contents: Contents,
): Promise<RestoredDatabase> {
  await tx`select pg_advisory_xact_lock(${migrationLock})`;
  await refuseUsed(tx);
  await plainValues(tx);
  await applyMigrations(tx, undefined, manifest.migration.when);
  const loaded = await loadTables(tx, archive, manifest, contents);
  await setSequences(tx, manifest.sequences);
  await applyMigrations(tx, manifest.migration.when, Number.POSITIVE_INFINITY);
  return { rows: loaded, aside: resume ? undefined : await setAside(tx, config.jobs.values(), now) };
}

/** An empty table of a gateway that was started once is no safer than a full one: its rows are of another start. */
async function refuseUsed(tx: TransactionSql): Promise<void> {
  const names = [...new Set(migrations().flatMap((each) => tablesAt(each).map(({ name }) => name)))];
  const [row] = await tx<{ name: string | null; noted: boolean }[]>`
    select (select min(relname) from pg_class where relnamespace = 'public'::regnamespace and relname = any(${names})) as name,
      to_regclass('drizzle.__drizzle_migrations') is not null as noted`;
  const name = row?.name ?? undefined;
  if (name === undefined && row?.noted !== true) return;
  throw new ClawError(
    "bad_request",
    `the database is not empty${name === undefined ? "" : ` (it has a table "${name}")`}: a gateway has used it. Give an empty one (createdb, or for the embedded one move data_dir away); nothing was changed`,
  );
}

/** Their names become part of statements, and the database may have others' tables beside ours. */
function checkTables({ tables, sequences, migration }: Manifest): void {
  const known = tablesAt(migration);
  const shapes = new Map(known.map(({ name, columns }) => [name, columns.join()]));
  const numbered = new Set(known.flatMap(({ name, identities }) => identities.map((column) => `${name}.${column}`)));
  const foreign = (what: string): ClawError =>
    new ClawError(
      "bad_request",
      `the backup's ${what} is not as ${migration.tag} makes it: it is none of this project's backups`,
    );
  for (const [name, columns] of Object.entries(tables))
    if (shapes.get(name) !== columns.join()) throw foreign(`table "${oneLine(name, 100)}"`);
  for (const place of Object.keys(sequences))
    if (!numbered.has(place)) throw foreign(`sequence "${oneLine(place, 100)}"`);
}

async function loadTables(
  tx: TransactionSql,
  archive: SealedArchive,
  manifest: Manifest,
  contents: Contents,
): Promise<number> {
  const digests = new Map(contents.entries.map(({ name, sha256 }) => [name, sha256]));
  const loaded = new Map<string, number>();
  for await (const { name, bytes } of archiveEntries(archive)) {
    const table = tableOf(name);
    const columns = table === undefined ? undefined : manifest.tables[table];
    if (table === undefined || columns === undefined) {
      for await (const _ of bytes);
      continue;
    }
    const digest = createHash("sha256");
    let rows: number;
    try {
      rows = await loadPart(tx, { name: table, columns }, digested(bytes, digest));
    } catch (cause) {
      const why = oneLine(messageOf(cause), 500);
      throw new ClawError("bad_request", `the rows of "${table}" are refused by the database: ${why}`, { cause });
    }
    if (digest.digest("hex") !== digests.get(name))
      throw new ClawError("bad_request", `${archive.file} was changed while it was restored; nothing was restored`);
    loaded.set(table, (loaded.get(table) ?? 0) + rows);
  }
  for (const table of Object.keys(manifest.tables)) await checkCount(tx, table, contents.rows[table] ?? 0);
  return [...loaded.values()].reduce((sum, rows) => sum + rows, 0);
}

async function checkCount(tx: TransactionSql, table: string, rows: number): Promise<void> {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from ${tx(table)}`;
  if (row?.count !== rows)
    throw new ClawError(
      "bad_request",
      `"${table}" should have ${rows} rows and has ${row?.count}; nothing was restored`,
    );
}
