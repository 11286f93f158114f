/**
 * The database roles: `openclaw_app`, which the gateway acts as and which may add to the journal and the checkpoints and
 * nothing more, and `openclaw_audit`, which reads. Whoever migrates owns the tables, and could take the triggers away.
 */
import { ClawError } from "../errors.ts";
import { connect, type Sql } from "./client.ts";

const app = "openclaw_app";
const audit = "openclaw_audit";

/** Tables that only grow. */
const appendOnly = ["journal", "checkpoints", "checkpoint_heads", "key_rotations"];

/** What everybody may read who reads the audit trail: no key, and nothing sealed elsewhere. */
const audited = ["audit_runs", "audit_llm_calls", "audit_tool_calls", "audit_decisions", "audit_costs_daily"];

/** Role names are the cluster's, not the database's: two databases may be migrated at once. */
const makeRole = (role: string): string => `
  do $$ begin
    if to_regrole('${role}') is null then create role ${role} nologin; end if;
  exception when duplicate_object or unique_violation then null;
  end $$`;

/**
 * Makes the roles and grants them what they may do; repeating it changes nothing. `login`: who connects as the gateway, where
 * that is another than this user; both may act as the app's role. Where the roles are not there and this user may not make
 * them, or may not act as them, the gateway works as the tables' owner. Throws ClawError `environment` where `login` cannot
 * be given what it needs.
 */
export async function grantRoles(sql: Sql, login?: string): Promise<void> {
  const [able] = await sql<{ able: boolean }[]>`
    select to_regrole(${app}) is not null and to_regrole(${audit}) is not null
      or (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as able`;
  if (!able?.able) {
    if (login !== undefined) throw cannotGive(login);
    return;
  }
  await sql.begin(async (tx) => {
    for (const role of [app, audit]) await tx.unsafe(makeRole(role));
    await tx.unsafe(`
      grant usage on schema public, graphile_worker to ${app};
      grant select, insert, update, delete on all tables in schema public to ${app};
      grant usage on all sequences in schema public to ${app};
      revoke update, delete, truncate on ${appendOnly.join(", ")} from ${app};
      grant select, insert, update, delete on all tables in schema graphile_worker to ${app};
      grant usage on all sequences in schema graphile_worker to ${app};
      grant execute on all functions in schema graphile_worker to ${app};
      grant usage on schema public to ${audit};
      grant select on ${[...appendOnly, ...audited].join(", ")} to ${audit}`);
    // The queue's tables have row security, without a policy: nobody but their owner would see a job.
    const secured = await tx<{ name: string }[]>`
      select quote_ident(c.relname) as name from pg_class c
      where c.relnamespace = 'graphile_worker'::regnamespace and c.relrowsecurity
        and not exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = ${app})`;
    for (const { name } of secured)
      await tx.unsafe(`create policy ${app} on graphile_worker.${name} to ${app} using (true) with check (true)`);
  });
  await makeMember(sql, undefined);
  if (login !== undefined && !(await makeMember(sql, login))) throw cannotGive(login);
}

/** Lets a user (undefined: this one) act as the app's role. False: this user may not give that. */
async function makeMember(sql: Sql, login: string | undefined): Promise<boolean> {
  const [found] = await sql<{ name: string; may: boolean }[]>`
    select quote_ident(rolname) as name, ${mayActAsApp(sql, sql`rolname`)} as may
    from pg_roles where rolname = coalesce(${login ?? null}, current_user)`;
  if (!found || found.may) return found !== undefined;
  try {
    await sql.unsafe(`grant ${app} to ${found.name}`);
    return true;
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "42501") throw thrown;
    return false;
  }
}

const cannotGive = (login: string): ClawError =>
  new ClawError(
    "environment",
    `database.owner_url's user may not let "${login}", the user of database.url, work in the database: as a superuser, ` +
      `create role ${app} nologin; create role ${audit} nologin; grant ${app} to "${login}"; then start again`,
  );

/** PostgreSQL 16 tells being a member from being allowed to act as the role. */
const mayActAsApp = (sql: Sql, user: ReturnType<Sql>) => sql`
  case when to_regrole(${app}) is null then false else pg_has_role(${user}::name, ${app}::name,
    case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end) end`;

/** Whether the roles are there, with what `grantRoles` gives to the app's and to `login`. */
export const rolesGranted = (sql: Sql, login?: string): Promise<boolean> =>
  sql<{ granted: boolean }[]>`
    select case when to_regrole(${app}) is null or to_regclass('graphile_worker._private_jobs') is null then false
      else has_table_privilege(${app}, 'checkpoints', 'insert') and ${login === undefined ? sql`true` : loginMayAct(sql, login)}
      end as granted`.then(([row]) => row?.granted === true);

const loginMayAct = (sql: Sql, login: string) =>
  sql`exists (select 1 from pg_roles where rolname = ${login} and ${mayActAsApp(sql, sql`rolname`)})`;

/** The URL by which to act as the app's role; the same URL where this user may not. */
export async function asApp(url: string): Promise<string> {
  const sql = connect(url, { max: 1, name: "openclaw start" });
  try {
    const [found] = await sql<{ may: boolean }[]>`select ${mayActAsApp(sql, sql`current_user`)} as may`;
    if (!found?.may) return url;
    const address = new URL(url);
    address.searchParams.set("options", `-c role=${app}`);
    return address.href;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Whether the connection could take the triggers of the journal away, as its owner or a superuser. */
export async function worksAsOwner(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ owner: boolean }[]>`
    select pg_has_role(current_user, relowner, 'usage') as owner from pg_class where oid = 'journal'::regclass`;
  return row?.owner === true;
}
