/** The database: whether it is ours, up to date, and held by no more rights than needed. */
import { connect, type Sql } from "../db/client.ts";
import { migrationState } from "../db/migrate.ts";
import { worksAsOwner } from "../db/roles.ts";
import { ClawError } from "../errors.ts";
import { checkKey } from "../keys/check-key.ts";
import { createKeyring } from "../seal.ts";
import { type Check, fail, type Finding, NotSeen, ok, since, skipped, warn } from "./check.ts";
import type { Ground } from "./ground.ts";

const leastVersion = 15;

export function databaseChecks(ground: Ground): Check[] {
  const { config, database, tables } = ground;
  const over = (rest: Ground["tables"], ask: (sql: Sql) => Promise<Finding>) => async (signal: AbortSignal) =>
    ask(await rest.lean(signal));
  return [
    { name: "database", look: (signal) => lookAtServer(ground, signal) },
    { name: "database.tables", look: (signal) => lookAtTables(ground, signal) },
    { name: "database.role", look: over(database, (sql) => lookAtRole(sql, config.database.url === undefined)) },
    { name: "database.append_only", look: over(tables, lookAtTriggers) },
    {
      name: "database.key",
      look: over(tables, async (sql) => {
        await checkKey(sql, createKeyring(config.key.reveal()));
        return ok("what is stored opens with OPENCLAW_KEY");
      }),
    },
    { name: "database.connections", look: over(database, (sql) => lookAtConnections(sql, config.database.pool)) },
  ];
}

async function lookAtServer({ config, database, gateway }: Ground, signal: AbortSignal): Promise<Finding> {
  let sql: Sql;
  try {
    sql = await database.own(signal);
  } catch (thrown) {
    // The embedded one runs with its gateway: that it is missing is told of that.
    const embedded = config.database.url === undefined && thrown instanceof ClawError;
    if (embedded) await gateway.lean(signal);
    throw thrown;
  }
  const began = performance.now();
  const [row] = await sql<{ version: string; number: number; bytes: number }[]>`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
      pg_database_size(current_database())::float8 as bytes`;
  const { version = "", number = 0, bytes = 0 } = row ?? {};
  const saw = `PostgreSQL ${version}, ${Math.round(bytes / 1024 / 1024)} MB, answers in ${since(began)}`;
  if (number / 10_000 >= leastVersion) return ok(saw);
  return fail(saw, `the gateway needs PostgreSQL ${leastVersion} or newer: upgrade the server`);
}

/** By the owner's login where there is one: the gateway's own may not read which migrations were applied. */
async function lookAtTables({ config, database }: Ground, signal: AbortSignal): Promise<Finding> {
  const ours = await database.lean(signal);
  const [there] = await ours<{ journal: boolean }[]>`select to_regclass('journal') is not null as journal`;
  if (there?.journal !== true)
    return fail("its tables are not there yet", "start the gateway, which makes them; is this the right database?");
  const url = config.database.ownerUrl ?? config.database.url;
  if (url === undefined) return ok("made by the gateway that runs it");
  const sql = connect(url.reveal(), { max: 1, name: "openclaw doctor" });
  try {
    const state = await migrationState(sql);
    if (state === "newer")
      return fail("a newer version has migrated its tables", "run that version, or restore a backup of before");
    return state === "current"
      ? ok("every migration is applied")
      : fail("its tables are of an older version", "restart the gateway, which migrates them");
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    return skipped("which migrations were applied may not be read: that is the owner's (database.owner_url)");
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const isRefused = (thrown: unknown): boolean => (thrown as { code?: unknown } | undefined)?.code === "42501";

async function lookAtRole(sql: Sql, embedded: boolean): Promise<Finding> {
  const [row] = await sql<{ role: string; login: string; journal: boolean; may: boolean; back: boolean }[]>`
    select current_user as role, session_user as login, c.oid is not null as journal,
      coalesce(has_table_privilege(c.oid, 'insert'), false) as may,
      coalesce(pg_has_role(session_user, c.relowner, 'member'), false) as back
    from (select 1) one left join pg_class c on c.oid = to_regclass('journal')`;
  if (!row?.journal) throw new NotSeen("its tables are not there yet");
  const { role, login, may, back } = row;
  const parted = "see docs/audit.md, The database's roles: a login of its own, and database.owner_url";
  if (!may)
    return fail(
      `${login} may not write to the tables, and not act as openclaw_app`,
      `set database.owner_url to the owner's URL and restart the gateway, which grants it; or as the owner: grant openclaw_app to ${login}`,
    );
  if (await worksAsOwner(sql)) return warn(`works as ${role}, the journal's owner, which only a trigger stops`, parted);
  if (back && embedded) return ok(`acts as ${role}; the embedded server is its user's own`);
  if (back) return warn(`acts as ${role}, but ${login} could take the owner's rights back`, parted);
  return ok(`${login} acts as ${role} and has no other rights`);
}

/** Tables that only grow, each with a trigger that says so. */
const appendOnly = ["journal", "checkpoints", "checkpoint_heads"];

async function lookAtTriggers(sql: Sql): Promise<Finding> {
  const rows = await sql<{ name: string; held: boolean; free: boolean }[]>`
    select c.relname as name,
      exists (select 1 from pg_trigger t where t.tgrelid = c.oid and t.tgname = c.relname || '_append_only'
        and t.tgenabled in ('O', 'A')) as held,
      has_table_privilege(c.oid, 'update') or has_table_privilege(c.oid, 'delete') or has_table_privilege(c.oid, 'truncate') as free
    from pg_class c where c.relname = any(${appendOnly}) and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`;
  const loose = rows.filter(({ held }) => !held).map(({ name }) => name);
  if (loose.length > 0)
    return fail(
      `${loose.join(", ")} can be rewritten: the append-only trigger is gone or disabled`,
      "who did that? Restore a backup, or as the owner: alter table NAME enable trigger NAME_append_only; then `claw audit verify`",
    );
  const free = rows.filter((row) => row.free);
  const holds = "journal and checkpoints refuse changes";
  return ok(free.length > 0 ? `${holds}, by their triggers alone` : `${holds}, by rights and by triggers`);
}

async function lookAtConnections(sql: Sql, pool: number): Promise<Finding> {
  const [row] = await sql<{ used: number; ours: number; most: number }[]>`
    select count(*) filter (where datid is not null)::int as used,
      count(*) filter (where application_name like 'openclaw%')::int as ours,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most
    from pg_stat_activity`;
  const { used = 0, ours = 0, most = 0 } = row ?? {};
  const saw = `${used} of ${most} connections in use, ${ours} of them ours`;
  // What a gateway opens besides its pool.
  const missing = pool + 10 - ours - (most - used);
  return missing > 0 ? warn(saw, "raise max_connections, or lower database.pool") : ok(saw);
}
