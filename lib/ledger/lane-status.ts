import type { Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";

/** What is going on in a lane, for /status. */
export interface LaneStatus {
  readonly running: { readonly id: string; readonly startedAt: Date } | undefined;
  /** Messages not yet taken up. */
  readonly waiting: number;
  readonly last:
    | {
        readonly id: string;
        readonly state: string;
        readonly steps: number;
        readonly inputTokens: number | null;
        readonly outputTokens: number | null;
      }
    | undefined;
}

export async function laneStatus(sql: Sql, lane: Lane): Promise<LaneStatus> {
  const [[running], [waiting], [last]] = await Promise.all([
    sql<NonNullable<LaneStatus["running"]>[]>`
      select id, started_at as "startedAt" from runs where lane = ${lane} and state = 'running' order by started_at desc limit 1`,
    sql<{ count: number }[]>`
      select count(*)::int as count from inbox where lane = ${lane} and kind = 'message' and state = 'new'`,
    sql<NonNullable<LaneStatus["last"]>[]>`
      select r.id, r.state, r.steps, r.input_tokens as "inputTokens", r.output_tokens as "outputTokens"
      from turns t join conversations c on c.id = t.conversation_id and c.lane = ${lane} join runs r on r.id = t.run_id
      order by t.id desc limit 1`,
  ]);
  return { running, waiting: waiting?.count ?? 0, last };
}
