/** How the evidence stands, for health and metrics. */
import type { Sql } from "../db/client.ts";

/** Ages in seconds; 0 where nothing is that old. */
export interface EvidenceStanding {
  /** Undefined: there is no checkpoint yet. */
  readonly checkpointAge: number | undefined;
  /** Of the run that has waited longest, since its end, for a checkpoint that holds it. */
  readonly uncheckedAge: number;
  /** Alerts of the last 24 hours, by agent. */
  readonly driftAlerts: ReadonlyMap<string, number>;
}

/** Reads the ends of indexes, so that it may be asked at every scrape. */
export async function evidenceStanding(sql: Sql): Promise<EvidenceStanding> {
  const [[ages], alerts] = await Promise.all([
    sql<{ checkpoint: number | null; unchecked: number }[]>`
      select
        (select extract(epoch from now() - at)::float8 from checkpoints order by number desc limit 1) as checkpoint,
        (select coalesce(extract(epoch from now() - min(finished_at)), 0)::float8 from runs
          where checkpoint is null and finished_at is not null) as unchecked`,
    sql<{ agent: string; count: number }[]>`
      select agent, count(*) from drift_alerts where raised_at > now() - interval '24 hours' group by 1`,
  ]);
  return {
    checkpointAge: ages?.checkpoint ?? undefined,
    uncheckedAge: ages?.unchecked ?? 0,
    driftAlerts: new Map(alerts.map(({ agent, count }) => [agent, count])),
  };
}
