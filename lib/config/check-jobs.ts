/** What `[jobs]` and the services' settings say about other keys. */
import { type Draft, itemsOf, namesOf } from "./draft.ts";
import { suggest } from "./nearest.ts";
import type { Problems } from "./problem.ts";
import { agentAsk, type ToolFacts } from "./tool-facts.ts";
import { covers } from "./tool-glob.ts";

type DraftJob = NonNullable<NonNullable<Draft["jobs"]>[string]>;

/** Adds a problem for each job that could not run as it is written. */
export function checkJobs(draft: Draft, tools: readonly ToolFacts[], problems: Problems): void {
  checkServices(draft, problems);
  for (const [name, job] of Object.entries(draft.jobs ?? {})) {
    if (job === undefined) continue;
    const at = `jobs.${name}`;
    checkAgent(draft, at, job, tools, problems);
    checkSources(at, job, tools, problems);
    checkPlaces(draft, at, job, problems);
    if (job.function === "report" && job.prompt === undefined)
      problems.add(
        `${at}.prompt`,
        "is missing",
        "write what the report is to say in a text file and name it, or pick another `function`",
      );
  }
  if (namesOf(draft.jobs).length > 0 && draft.listen !== undefined && draft.listen.token === undefined)
    problems.add(
      "listen.token",
      "is missing, and jobs are asked for with it",
      'make one with `openssl rand -hex 32` and add token = { env = "OPENCLAW_TOKEN" } to [listen]',
    );
}

function checkAgent(draft: Draft, at: string, job: DraftJob, tools: readonly ToolFacts[], problems: Problems): void {
  const agents = namesOf(draft.agents);
  if (job.agent === undefined) return;
  const agent = draft.agents?.[job.agent];
  if (!agents.includes(job.agent)) {
    problems.add(`${at}.agent`, `no agent is named "${job.agent}"`, suggest(job.agent, "Agents", agents));
    return;
  }
  const own = itemsOf(agent?.tools).map(([, glob]) => glob);
  const denied = itemsOf(agent?.deny).map(([, glob]) => glob);
  // Other agents are granted by their names.
  const may = (tool: string): boolean => (tool === agentAsk ? itemsOf(agent?.calls).length > 0 : has(own, tool));
  for (const [index, glob] of itemsOf(job.tools)) {
    const key = `${at}.tools[${index}]`;
    const covered = tools.map(({ name }) => name).filter((tool) => covers(glob, tool));
    if (covered.length === 0 && glob !== "*")
      problems.add(
        key,
        `"${glob}" is no tool there is`,
        suggest(
          glob,
          "Tools",
          tools.map(({ name }) => name),
        ),
      );
    else if (agent && !covered.some((tool) => may(tool) && !has(denied, tool)))
      problems.add(
        key,
        `agents.${job.agent} has no tool "${glob}"`,
        `add it to agents.${job.agent}.tools, or remove it here`,
      );
  }
}

const has = (globs: readonly string[], tool: string): boolean => globs.some((glob) => covers(glob, tool));

function checkSources(at: string, job: DraftJob, tools: readonly ToolFacts[], problems: Problems): void {
  const sources = itemsOf(job.sources);
  if (sources.length > 0 && job.function !== undefined && job.function !== "report")
    problems.add(
      `${at}.sources`,
      `"${job.function}" has sources of its own`,
      'remove it, or write function = "report"',
    );
  for (const [index, { tool: name }] of sources) {
    if (name === undefined) continue;
    const key = `${at}.sources[${index}].tool`;
    const tool = tools.find((each) => each.name === name);
    const names = tools.map((each) => each.name);
    if (!tool) problems.add(key, `"${name}" is no tool there is`, suggest(name, "Tools", names));
    else if (tool.labels.includes("act"))
      problems.add(key, `"${name}" changes something, and sources only read`, "name one that reads");
    else if (job.tools !== undefined && !itemsOf(job.tools).some(([, glob]) => covers(glob, name)))
      problems.add(key, `"${name}" is not among the job's tools`, `add it to ${at}.tools`);
  }
}

function checkPlaces(draft: Draft, at: string, job: DraftJob, problems: Problems): void {
  const bots = namesOf(draft.telegram);
  for (const [index, place] of itemsOf(job.deliver)) {
    const key = `${at}.deliver[${index}]`;
    if (itemsOf(job.deliver).some(([other, same]) => other < index && same === place))
      problems.add(key, "is there twice", "remove one");
    else if (place.startsWith("telegram:") && draft.telegram !== undefined && bots.length === 0)
      problems.add(key, "is on Telegram but there is no bot", "add [telegram.NAME], or name a Matrix room");
    else if (place.startsWith("matrix:") && draft.matrix === undefined)
      problems.add(key, "is on Matrix but there is no [matrix]", "add [matrix], or name a Telegram chat");
    else if (place.startsWith("matrix:") && job.agent !== undefined && draft.agents?.[job.agent]?.matrix === undefined)
      problems.add(
        key,
        `agents.${job.agent} is not on Matrix`,
        `add [agents.${job.agent}.matrix], or name a Telegram chat`,
      );
  }
  if (job.bot !== undefined && draft.telegram !== undefined && !bots.includes(job.bot))
    problems.add(`${at}.bot`, `no bot is named "${job.bot}"`, suggest(job.bot, "Bots", bots));
}

/** Of HTTP Basic, both halves; of calendars, one at least. */
function checkServices({ tools }: Draft, problems: Problems): void {
  const { alerts, calendar } = tools ?? {};
  const named = Object.entries(calendar?.calendars ?? {}).map(
    ([name, of]) => [`tools.calendar.calendars.${name}`, of] as const,
  );
  for (const [key, of] of [["tools.alerts", alerts] as const, ...named]) {
    if (of?.user !== undefined && of.password === undefined)
      problems.add(`${key}.password`, "is missing, user is there", "add it");
    if (of?.password !== undefined && of.user === undefined)
      problems.add(`${key}.user`, "is missing, password is there", "add it");
  }
  if (calendar?.calendars !== undefined && named.length === 0)
    problems.add("tools.calendar.calendars", "has no calendar", "add [tools.calendar.calendars.NAME] with url");
}
