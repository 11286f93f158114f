/** What `[jobs]` and the services' settings say about other keys. */
import { everOccurs, parseCron } from "./cron.ts";
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
    checkFunction(draft, at, job, tools, problems);
    checkPerson(draft, at, job, problems);
    const fields = job.schedule === undefined ? undefined : parseCron(job.schedule);
    if (typeof fields === "object" && !everOccurs(fields))
      problems.add(`${at}.schedule`, "names no day that there is", "look at its day and its month");
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

/** What each function reads by itself; one at least must be there for it. */
export const ownSources: Readonly<Record<string, readonly string[]>> = {
  briefing: ["alerts_list", "calendar_agenda"],
  digest: ["feeds_unread"],
  review: ["tasks_mine", "commitments_list"],
};

function checkFunction(draft: Draft, at: string, job: DraftJob, tools: readonly ToolFacts[], problems: Problems): void {
  const sources = ownSources[job.function ?? ""];
  if (sources === undefined || job.tools === undefined) return;
  const listed = sources.filter((name) =>
    has(
      itemsOf(job.tools).map(([, glob]) => glob),
      name,
    ),
  );
  const serviceOf = (name: string): ToolFacts["service"] => tools.find((tool) => tool.name === name)?.service;
  const isSetUp = (name: string): boolean => {
    const service = serviceOf(name);
    return service === undefined || draft.tools?.[service] !== undefined;
  };
  if (listed.length === 0)
    problems.add(
      `${at}.tools`,
      `has nothing that "${job.function}" reads`,
      `add ${sources.map((name) => `"${name}"`).join(" or ")}`,
    );
  else if (draft.tools !== undefined && !listed.some(isSetUp))
    problems.add(
      `${at}.tools`,
      `nothing that "${job.function}" reads is set up`,
      `add ${listed.map((name) => `[tools.${serviceOf(name)}]`).join(" or ")}`,
    );
}

/** Whose things a job reads: somebody there is, and nobody by mistake. */
function checkPerson({ groups }: Draft, at: string, job: DraftJob, problems: Problems): void {
  const { for: person } = job;
  const named = itemsOf(job.tools).some(([, glob]) => glob !== "*" && covers(glob, "commitments_list"));
  if (person === undefined && named)
    problems.add(
      `${at}.for`,
      "is missing, and a job has no commitments of its own",
      'say whose they are: for = "matrix:@name:server" or "telegram:123456789"',
    );
  const members = Object.values(groups ?? {}).flatMap((group) => itemsOf(group?.members).map(([, member]) => member));
  if (person !== undefined && groups !== undefined && !members.includes(person))
    problems.add(`${at}.for`, `no group has the member "${person}"`, "name a member of one, or add them to one");
}
