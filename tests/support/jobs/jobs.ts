/** A config with a job over stand-in sources, and how it is asked for. */
import { fileURLToPath } from "node:url";
import type { Sql } from "../../../lib/db/client.ts";
import { testEnvironment } from "../gateway.ts";

export const jobFunctionFile = fileURLToPath(new URL("function.ts", import.meta.url));
const tools = fileURLToPath(new URL("tools", import.meta.url));

/** Where the job's message goes, and where the operator reads. */
export const [first, second, operator] = [-100500, -100501, -100999];

/** Daily at 08:00. The operator is told of the jobs alone: a checkpoint comes at whichever minute a test is in. */
export const withJob = (
  toml: string,
  sources: readonly string[],
  more = "",
  deliver = [`telegram:${first}`, `telegram:${second}`],
): string => `
tools_dir = "${tools}"
operator = "telegram:${operator}"
${toml.replace('"history_search"]', '"history_search", "source_*"]')}

[jobs.news]
agent = "ops"
schedule = "0 8 * * *"
prompt = "prompt.md"
tools = ["source_*", "commitments_*"]
for = "telegram:1001"
deliver = ${JSON.stringify(deliver)}
${more}
${sources
  .map(
    (url, index) =>
      `[[jobs.news.sources]]\ntool = "source_read"\nargs = { url = "${url}" }\ntitle = "Source ${index + 1}"`,
  )
  .join("\n")}

[audit]
post_checkpoints = false
`;

/** An attempt as the endpoint tells it, or an error, or a dry run. */
export interface AskedBody extends Record<string, unknown> {
  readonly slot: string;
  readonly run: string;
  readonly state: string;
}

export interface Asked {
  readonly status: number;
  readonly body: AskedBody;
}

/** Asks the private listener, as a timer or a person does. */
export async function ask(privateUrl: string, path: string, method = "POST"): Promise<Asked> {
  const headers = { authorization: `Bearer ${testEnvironment["OPENCLAW_TOKEN"]}` };
  const answer = await fetch(`${privateUrl}${path}`, { method, headers });
  return { status: answer.status, body: (await answer.json()) as AskedBody };
}

export interface Attempt {
  readonly attempt: number;
  readonly cause: string;
  readonly state: string;
  readonly reason: string | null;
  readonly run_id: string;
}

/** The attempts at a slot, or at all, in order. */
export const attemptsOf = (sql: Sql, slot?: string): Promise<Attempt[]> =>
  sql<Attempt[]>`
    select attempt, cause, state, reason, run_id from job_slots
    where ${slot === undefined ? sql`true` : sql`slot = ${slot}::timestamptz`} order by slot, attempt`;

/** Has attempts that wait for their time begin. */
export const hurryAll = (sql: Sql): Promise<unknown> =>
  sql`update job_slots set not_before = now() - interval '10 seconds' where state in ('new', 'delivering')`;
