/** Which runs are replayed. */
import type { Sql } from "../../db/client.ts";
import { ClawError } from "../../errors.ts";

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

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The run with this id, whole or by its last characters as people are shown them. Throws ClawError `not_found` or `bad_request`. */
export async function findRun(sql: Sql, given: string): Promise<string> {
  const id = given.trim().toLowerCase();
  if (wholeId.test(id)) return id;
  if (!/^[0-9a-f-]{4,36}$/.test(id))
    throw new ClawError("bad_request", `"${id}" is no id of a run: give it whole, or its last eight characters`);
  const found = await sql<{ id: string }[]>`select id from runs where right(id::text, ${id.length}) = ${id} limit 2`;
  if (found.length > 1) throw new ClawError("bad_request", `several runs end in ${id}: give more of the id`);
  if (!found[0]) throw new ClawError("not_found", `no run ends in ${id}`);
  return found[0].id;
}
