import type { Command } from "commander";
import type { Principal } from "../../lib/channel/types.ts";
import type { Config, Job } from "../../lib/config/config.ts";
import { suggest } from "../../lib/config/nearest.ts";
import { principal as principalSchema, roomName } from "../../lib/config/primitives.ts";
import { ClawError } from "../../lib/errors.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { type Explained, explain, type Question, taintOf } from "../../lib/policy/explain.ts";
import { policyMatrix, renderMatrix } from "../../lib/policy/matrix.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { safeParse } from "../../lib/safe-parse.ts";

/** The exit codes of a decision on one tool; 1 is a failure of the command itself. */
const exitCodes = { allow: 0, ask: 3, deny: 4 } as const;

interface ExplainOptions {
  readonly as?: string;
  readonly job?: string;
  readonly in?: string;
  readonly tool?: string;
  readonly args?: string;
  readonly tainted?: true;
  readonly request?: string;
  readonly json?: true;
}

/** Adds `claw policy`: decisions as the gateway makes them, without running anything. */
export function register(program: Command, context: CommandContext): void {
  const policy = program
    .command("policy")
    .summary("explain decisions on tool calls")
    .description("Shows what the config decides, by the function that decides in the gateway. Reads no secret.");
  policy
    .command("explain <agent>")
    .summary("who may call what, and the rule that says so")
    .description(
      "Prints the decision on a tool call and the rule that makes it. Exits 0 for allow, 3 for ask, 4 for deny; without --tool, lists all tools and exits 0.",
    )
    .option("--as <principal>", 'who writes: "matrix:@name:server" or "telegram:123456789"')
    .option("--job <name>", "in a run of this job, instead of a person's")
    .option("--in <room>", 'in which room: "matrix:!room:server" or "telegram:-100123"; left out, a private chat')
    .option("--tool <name>", "one tool alone")
    .option("--args <json>", "its arguments; left out, the mildest decision that any could have")
    .option("--tainted", "as if the run had read what untrusted people may have written")
    .option("--request <text>", "what the person wrote, for arguments that must be named in it")
    .option("--json", "as JSON")
    .action(async (agent: string, options: ExplainOptions) => {
      explainCommand(context, await context.loadConfig("skip"), agent, options);
    });
  policy
    .command("matrix")
    .summary("agents, groups and tools, before and after taint")
    .description("Prints the decision on every tool for every agent and group, and the rule of two.")
    .option("--json", "as JSON, with every rule and what is denied")
    .action(async ({ json }: { json?: true }) => {
      const blocks = policyMatrix(await context.loadConfig("skip"));
      if (json) context.out(JSON.stringify(blocks, undefined, 2));
      else for (const line of renderMatrix(blocks)) context.out(line);
    });
}

function explainCommand(context: CommandContext, config: Config, agentName: string, options: ExplainOptions): void {
  const question = questionOf(config, agentName, options);
  const { tool: name, json } = options;
  if (name === undefined && options.args !== undefined)
    throw new ClawError("bad_request", "--args are those of one tool: name it by --tool");
  const tools = name === undefined ? config.toolFacts : [toolOf(config, name)];
  const args = argumentsOf(options.args);
  const explained = tools.map((tool) => explain(config, question, tool, args));
  const taint = taintOf(config, question);
  if (json) context.out(JSON.stringify({ taint, decisions: explained }, undefined, 2));
  else for (const line of render(explained, name !== undefined)) context.out(line);
  if (!json && taint.length > 0) context.note(`The run is tainted by ${taint.join(", ")}.`);
  const [only] = explained;
  if (name !== undefined && only && exitCodes[only.decision] !== 0) throw new ExitCode(exitCodes[only.decision]);
}

const render = (explained: readonly Explained[], one: boolean): string[] =>
  one
    ? explained.map(({ decision, rule }) => `${decision}: ${rule}`)
    : alignedLines([
        ["TOOL", "DECISION", "RULE"],
        ...explained.map(({ tool, decision, rule }) => [tool, decision, rule]),
      ]);

function questionOf(config: Config, agentName: string, options: ExplainOptions): Question {
  const agent = config.agents.get(agentName);
  if (!agent)
    throw new ClawError(
      "bad_request",
      `no agent is named "${agentName}"; ${suggest(agentName, "Agents", [...config.agents.keys()])}`,
    );
  const { as, job: name } = options;
  if ((as === undefined) === (name === undefined))
    throw new ClawError("bad_request", "say who asks: either --as PRINCIPAL or --job NAME");
  const job = name === undefined ? undefined : jobOf(config, agentName, name);
  return {
    agent,
    principal: job ? `job:${job.name}` : (checked("--as", principalSchema, as ?? "") as Principal),
    ...(job && { job }),
    room: options.in === undefined ? undefined : checked("--in", roomName, options.in),
    tainted: options.tainted ?? false,
    request: options.request ?? "",
  };
}

function jobOf(config: Config, agent: string, name: string): Job {
  const job = config.jobs.get(name);
  const own = [...config.jobs.values()].filter((each) => each.agent === agent).map((each) => each.name);
  if (job?.agent === agent) return job;
  throw new ClawError("bad_request", `agents.${agent} has no job "${name}"; ${suggest(name, "Jobs", own)}`);
}

function checked(option: string, schema: typeof roomName, value: string): string {
  const result = safeParse(schema, value);
  if (result.success) return result.data;
  throw new ClawError("bad_request", `${option} ${result.error.issues[0]?.message ?? "is not valid"}`);
}

function toolOf(config: Config, name: string): Config["toolFacts"][number] {
  const tool = config.toolFacts.find((each) => each.name === name);
  if (tool) return tool;
  const names = config.toolFacts.map((each) => each.name);
  throw new ClawError("bad_request", `no tool is named "${name}"; ${suggest(name, "Tools", names)}`);
}

function argumentsOf(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ClawError("bad_request", `--args is not valid JSON; write it as '{"url":"https://home.example/"}'`, {
      cause,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ClawError("bad_request", "--args must be a JSON object");
  return value as Record<string, unknown>;
}
