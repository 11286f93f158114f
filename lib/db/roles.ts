/**
 * The database roles: `openclaw_app`, which the gateway acts as and which may add to the journal and the checkpoints and
 * nothing more, and `openclaw_audit`, which reads. Whoever migrates owns the tables, and could take the triggers away.
 */
import { connect, type Sql } from "./client.ts";

const app = "openclaw_app";
const audit = "openclaw_audit";

/** Tables that only grow. */
const appendOnly = ["journal", "checkpoints", "checkpoint_heads"];

/** What everybody may read who reads the audit trail: no key, and nothing sealed elsewhere. */
const audited = ["audit_runs", "audit_llm_calls", "audit_tool_calls", "audit_decisions", "audit_costs_daily"];

/** Role names are the cluster's, not the database's: two databases may be migrated at once. */
const makeRole = (role: string): string => `
  do $$ begin
    if to_regrole('${role}') is null then create role ${role} nologin; end if;
  exception when duplicate_object or unique_violation then null;
  end $$`;

/**
 * Makes the roles and grants them what they may do; repeating it changes nothing. Does nothing where the user may not make
 * roles and nobody has made them: the gateway then works as the tables' owner.
 */
export async function grantRoles(sql: Sql): Promise<void> {
  const [able] = await sql<{ able: boolean }[]>`
    select to_regrole(${app}) is not null and to_regrole(${audit}) is not null
      or (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as able`;
  if (!able?.able) return;
  await sql.begin(async (tx) => {
    for (const role of [app, audit]) await tx.unsafe(makeRole(role));
    await tx.unsafe(`
      do $$ begin
        if not exists (select 1 from pg_auth_members where roleid = '${app}'::regrole and member = current_user::regrole)
        then grant ${app} to current_user; end if;
      end $$;
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
}

/** Whether the roles are there and the app's may add to the journal: what `grantRoles` leaves behind. */
export const rolesGranted = (sql: Sql): Promise<boolean> =>
  sql<{ granted: boolean }[]>`
    select case when to_regrole(${app}) is null or to_regclass('graphile_worker._private_jobs') is null then false
      else has_table_privilege(${app}, 'checkpoints', 'insert') end as granted`.then(([row]) => row?.granted === true);

/** The URL by which to act as the app's role; the same URL where this user may not. */
export async function asApp(url: string): Promise<string> {
  const sql = connect(url, { max: 1, name: "openclaw start" });
  try {
    // PostgreSQL 16 tells being a member from being allowed to act as the role.
    const [found] = await sql<{ may: boolean }[]>`
      select case when to_regrole(${app}) is null then false
        else pg_has_role(${app}::name, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
        end as may`;
    if (!found?.may) return url;
    const address = new URL(url);
    address.searchParams.set("options", `-c role=${app}`);
    return address.href;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
