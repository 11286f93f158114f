/** What runs are filtered by, as conditions in SQL: only what is asked for is in the statement, so each has its own plan. */
import type { Sql } from "../db/client.ts";
import type { RunRow } from "./run-row.ts";

/** All that is given must hold. */
export interface RunFilter {
  readonly agent?: string | undefined;
  /** As `telegram:1001`. */
  readonly principal?: string | undefined;
  /** Asked for by the model, whatever was decided. */
  readonly tool?: string | undefined;
  readonly job?: string | undefined;
  readonly trigger?: RunRow["trigger"] | undefined;
  readonly state?: RunRow["state"] | undefined;
  /** One of its calls was denied, by a rule or an approver. */
  readonly denied?: boolean | undefined;
  /** Begun at or after it. */
  readonly since?: Date | undefined;
  /** Begun before it. */
  readonly until?: Date | undefined;
  /** In the config's currency; runs whose cost is unknown are not. */
  readonly costAbove?: number | undefined;
  /** The provider's id of a request, or of its answer. */
  readonly requestId?: string | undefined;
}

const everything = (sql: Sql) => sql`true`;

/** A part of a statement. */
export type Fragment = ReturnType<typeof everything>;

/** What a filter asks of a row of `runs` as `r`. */
export function runConditions(sql: Sql, filter: RunFilter): Fragment {
  const { agent, principal, job, trigger, state, since, until, costAbove, requestId } = filter;
  const conditions = [
    ...(agent === undefined ? [] : [sql`r.agent = ${agent}`]),
    ...(principal === undefined ? [] : [sql`r.principal = ${principal}`]),
    ...(job === undefined ? [] : [sql`r.job = ${job}`]),
    ...(trigger === undefined ? [] : [sql`r.trigger = ${trigger}`]),
    ...(state === undefined ? [] : [sql`r.state = ${state}`]),
    ...(since === undefined ? [] : [sql`r.started_at >= ${since}`]),
    ...(until === undefined ? [] : [sql`r.started_at < ${until}`]),
    ...(costAbove === undefined ? [] : [sql`r.cost > ${costAbove}::float8::numeric`]),
    ...(requestId === undefined ? [] : [sql`r.id in (${runsOfRequest(sql, requestId)})`]),
  ];
  return all(sql, conditions) ?? everything(sql);
}

const runsOfRequest = (sql: Sql, id: string): Fragment => sql`
  select run_id from journal where provider_request_id = ${id} union select run_id from journal where response_id = ${id}`;

/**
 * What a filter asks of some row of a run's journal `j`; undefined: nothing. A run with a denied call of a tool is one in
 * which that very tool was denied.
 */
export function callConditions(sql: Sql, { tool, denied }: RunFilter): Fragment | undefined {
  return all(sql, [
    ...(tool === undefined ? [] : [sql`j.tool_name = ${tool}`]),
    ...(denied === true ? [sql`j.decision = 'deny'`] : []),
  ]);
}

function all(sql: Sql, conditions: readonly Fragment[]): Fragment | undefined {
  const [first, ...others] = conditions;
  return first && others.reduce((left, right) => sql`${left} and ${right}`, first);
}
