/** What calls to models cost, summed by what one asks about: the journal is the truth, no sum is kept beside it. */
import type { Sql } from "../db/client.ts";

/** What costs can be summed by. */
export type CostKey = "day" | "month" | "agent" | "job" | "principal" | "backend" | "model";

/** The words of `CostKey`. */
export const costKeys: readonly CostKey[] = ["day", "month", "agent", "job", "principal", "backend", "model"];

/** The calls of one day, agent or whatever was asked for. */
export interface CostRow {
  /** `2026-11-29`, `2026-11`, or the name; "" for what has none, such as the job of a chat. */
  readonly key: string;
  readonly calls: number;
  /** Calls whose cost nobody knows: the sum is too small by them. */
  readonly withoutCost: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of the input. */
  readonly cachedTokens: number;
  /** Part of the output. */
  readonly reasoningTokens: number;
  /** In `budget.currency`. */
  readonly cost: number;
  /** How much of it `claw replay` spent. */
  readonly replayCost: number;
}

/** What is asked for; `to` is excluded. */
export interface CostQuery {
  readonly by: CostKey;
  readonly from: Date;
  readonly to: Date;
  /** Whose days and months they are. */
  readonly timezone: string;
}

const keyOf = (sql: Sql, { by, timezone }: CostQuery) => {
  switch (by) {
    case "day":
      return sql`to_char(j.at at time zone ${timezone}, 'YYYY-MM-DD')`;
    case "month":
      return sql`to_char(j.at at time zone ${timezone}, 'YYYY-MM')`;
    case "agent":
      return sql`r.agent`;
    case "job":
      return sql`coalesce(r.job, '')`;
    case "principal":
      return sql`r.principal`;
    case "backend":
      return sql`coalesce(j.provider_name, '')`;
    case "model":
      return sql`coalesce(j.response_model, '')`;
  }
};

/** The calls from `from` to `to`: days and months in their order, anything else the dearest first. */
export async function costsBy(sql: Sql, query: CostQuery): Promise<CostRow[]> {
  const { by, from, to } = query;
  const order = by === "day" || by === "month" ? sql`key` : sql`cost desc, calls desc, key`;
  return [
    ...(await sql<CostRow[]>`
      select ${keyOf(sql, query)} as key, count(*) as calls, count(*) filter (where j.cost is null) as "withoutCost",
        coalesce(sum(j.input_tokens), 0)::float8 as "inputTokens", coalesce(sum(j.output_tokens), 0)::float8 as "outputTokens",
        coalesce(sum(j.cached_tokens), 0)::float8 as "cachedTokens",
        coalesce(sum(j.reasoning_tokens), 0)::float8 as "reasoningTokens",
        coalesce(sum(j.cost), 0) as cost, coalesce(sum(j.cost) filter (where r.trigger = 'replay'), 0) as "replayCost"
      from journal j join runs r on r.id = j.run_id
      where j.type in ('llm.answered', 'llm.consulted') and j.at >= ${from} and j.at < ${to}
      group by 1 order by ${order}`),
  ];
}

/** The sum of rows, as a row. */
export const totalOf = (rows: readonly CostRow[]): CostRow =>
  rows.reduce(
    (total, row) => ({
      key: "total",
      calls: total.calls + row.calls,
      withoutCost: total.withoutCost + row.withoutCost,
      inputTokens: total.inputTokens + row.inputTokens,
      outputTokens: total.outputTokens + row.outputTokens,
      cachedTokens: total.cachedTokens + row.cachedTokens,
      reasoningTokens: total.reasoningTokens + row.reasoningTokens,
      cost: total.cost + row.cost,
      replayCost: total.replayCost + row.replayCost,
    }),
    {
      key: "total",
      calls: 0,
      withoutCost: 0,
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: 0,
      reasoningTokens: 0,
      cost: 0,
      replayCost: 0,
    },
  );
