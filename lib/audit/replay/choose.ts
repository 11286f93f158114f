/** Which runs are replayed. */
import type { Sql } from "../../db/client.ts";

/** Runs to be replayed together. */
export interface Choice {
  readonly since: Date;
  readonly agent: string | undefined;
  /** The latest so many. */
  readonly limit: number;
}

/** A run that may be replayed, and what it used. */
export interface ChosenRun {
  readonly id: string;
  readonly agent: string;
  /** Undefined: no provider said. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

/** The runs of a choice in which a model was asked, oldest first; replays are none. */
export async function chooseRuns(sql: Sql, { since, agent, limit }: Choice): Promise<ChosenRun[]> {
  const rows = await sql<{ id: string; agent: string; input: number | null; output: number | null }[]>`
    select id, agent, input_tokens as input, output_tokens as output from runs
    where started_at >= ${since} and trigger <> 'replay' and state not in ('running', 'waiting') and steps > 0
      ${agent === undefined ? sql`` : sql`and agent = ${agent}`}
    order by started_at desc, id desc limit ${limit}`;
  return rows
    .map(({ input, output, ...run }) => ({
      ...run,
      inputTokens: input ?? undefined,
      outputTokens: output ?? undefined,
    }))
    .reverse();
}
