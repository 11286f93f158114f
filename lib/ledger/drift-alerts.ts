/** What was found to have changed in how agents behave. */
import type { Finding } from "../audit/drift/findings.ts";
import type { RunKind } from "../audit/drift/features.ts";
import type { Sql } from "../db/client.ts";

/** A finding as it was kept. */
export interface DriftAlert {
  readonly agent: string;
  /** The first run of the baseline after it. */
  readonly at: Date;
  readonly raisedAt: Date;
  readonly finding: Finding;
}

/** Kinds of one agent have baselines of their own, and so alerts. */
const keyOf = ({ metric, kind }: Pick<Finding, "metric" | "kind">): string => `${metric} ${kind}`;

/** Keeps findings, each once however many processes have it. */
export async function keepDriftAlerts(sql: Sql, agent: string, findings: readonly Finding[]): Promise<void> {
  const rows = findings.map((finding) => ({ agent, metric: keyOf(finding), at: finding.since, facts: finding }));
  await sql`
    insert into drift_alerts (agent, metric, at, facts)
    select agent, metric, at, facts
    from jsonb_to_recordset(${sql.json(rows as never)}) as row (agent text, metric text, at timestamptz, facts jsonb)
    on conflict (agent, metric, at) do nothing`;
}

/** An agent's alerts, newest first, with at least the last of each metric and kind. */
export async function driftAlertsOf(
  sql: Sql,
  agent: string,
  { since, kind }: { readonly since: Date; readonly kind?: RunKind | undefined },
): Promise<DriftAlert[]> {
  const rows = await sql<{ at: Date; raised_at: Date; facts: Finding }[]>`
    select at, raised_at, facts from (
      select *, row_number() over (partition by metric order by at desc) as newest from drift_alerts where agent = ${agent}
    ) as ranked
    where (newest = 1 or raised_at > ${since}) and (${kind ?? null}::text is null or facts ->> 'kind' = ${kind ?? null}::text)
    order by at desc, metric`;
  return rows.map(({ at, raised_at, facts }) => ({ agent, at, raisedAt: raised_at, finding: facts }));
}
