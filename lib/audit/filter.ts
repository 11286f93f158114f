/** What runs are filtered by, as conditions in SQL: only what is asked for is in the statement, so each has its own plan. */
import type { PendingQuery, Row } from "postgres";
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

/** A part of a statement. */
export type Fragment = PendingQuery<Row[]>;

/** What a filter asks of a row of `runs` as `r`: what an index has in the order of lists, and all else. */
export function runConditions(sql: Sql, filter: RunFilter): { ordered: Fragment; others: Fragment } {
  const { agent, principal, job, trigger, state, since, until, costAbove, requestId } = filter;
  // Each has an index of its own, and one of them is walked.
  const [first, ...more] = [
    ...(job === undefined ? [] : [sql`r.job = ${job}`]),
    ...(principal === undefined ? [] : [sql`r.principal = ${principal}`]),
    ...(agent === undefined ? [] : [sql`r.agent = ${agent}`]),
    ...(state === undefined ? [] : [sql`r.state = ${state}`]),
  ];
  return {
    ordered: all(sql, [
      ...(first ? [first] : []),
      ...(since === undefined ? [] : [sql`r.started_at >= ${since}`]),
      ...(until === undefined ? [] : [sql`r.started_at < ${until}`]),
    ]),
    others: all(sql, [
      ...more,
      ...(trigger === undefined ? [] : [sql`r.trigger = ${trigger}`]),
      ...(costAbove === undefined ? [] : [sql`r.cost > ${String(costAbove)}::numeric`]),
      ...(requestId === undefined ? [] : [sql`r.id in (${runsOfRequest(sql, requestId)})`]),
    ]),
  };
}

const runsOfRequest = (sql: Sql, id: string): Fragment => sql`
  select run_id from journal where provider_request_id = ${id} union select run_id from journal where response_id = ${id}`;

/**
 * What a filter asks of some row of a run's journal `j`; undefined: nothing. A run with a denied call of a tool is one in
 * which that very tool was denied.
 */
export function callConditions(sql: Sql, { tool, denied }: RunFilter): Fragment | undefined {
  const conditions = [
    ...(tool === undefined ? [] : [sql`j.tool_name = ${tool}`]),
    ...(denied === true ? [sql`j.decision = 'deny'`] : []),
  ];
  return conditions.length === 0 ? undefined : all(sql, conditions);
}

const all = (sql: Sql, conditions: readonly Fragment[]): Fragment =>
  conditions.reduce((left, right) => sql`${left} and ${right}`, sql`true`);
