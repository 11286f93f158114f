/** Whether a filter names something there is or was: a name that was misspelt would look like a name with nothing to show. */
import type { Config } from "../config/config.ts";
import { suggest } from "../config/nearest.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import type { RunFilter } from "./filter.ts";

type Names = Pick<Config, "agents" | "jobs" | "toolFacts">;

/** Throws ClawError `not_found`, with the name that may be meant, for an agent, job or tool that neither the config nor the journal knows. */
export async function checkNames(sql: Sql, { agents, jobs, toolFacts }: Names, filter: RunFilter): Promise<void> {
  const { agent, job, tool } = filter;
  const tools = toolFacts.map(({ name }) => name);
  if (agent !== undefined && !agents.has(agent) && !(await any(sql`select 1 from runs where agent = ${agent} limit 1`)))
    throw unknown("agent", agent, [...agents.keys()]);
  if (job !== undefined && !jobs.has(job) && !(await any(sql`select 1 from runs where job = ${job} limit 1`)))
    throw unknown("job", job, [...jobs.keys()]);
  if (
    tool !== undefined &&
    !tools.includes(tool) &&
    !(await any(sql`select 1 from journal where tool_name = ${tool} limit 1`))
  )
    throw unknown("tool", tool, tools);
}

const any = async (query: ReturnType<Sql>): Promise<boolean> => (await query).length > 0;

const unknown = (kind: string, name: string, all: readonly string[]): ClawError =>
  new ClawError(
    "not_found",
    `there is no ${kind} ${JSON.stringify(name)}, and there was none; ${suggest(name, `${kind}s`, all)}`,
  );
