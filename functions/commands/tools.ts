import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { executeCall, prepareCall, type ToolResult } from "../../lib/agent/tool-call.ts";
import type { Principal } from "../../lib/channel/types.ts";
import type { Agent, Config } from "../../lib/config/config.ts";
import { suggest } from "../../lib/config/nearest.ts";
import { principal as principalSchema } from "../../lib/config/primitives.ts";
import { shownArguments, visible } from "../../lib/conversation/visible.ts";
import { ClawError } from "../../lib/errors.ts";
import { isTrusted } from "../../lib/policy/access.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { type Decision, decide, type Scope } from "../../lib/policy/decide.ts";
import { GrantedCall, type ReadyCall } from "../../lib/policy/granted.ts";
import type { Tool, ToolContext } from "../../lib/tools/define.ts";
import { unconnectedTools } from "../../lib/tools/builtin.ts";
import { loadOwnTools } from "../../lib/tools/own.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { safeParse } from "../../lib/safe-parse.ts";

interface TestOptions {
  readonly args: string;
  readonly agent?: string;
  readonly as?: string;
  readonly json?: true;
}

/** Adds `claw tools list` and `claw tools test`. */
export function register(program: Command, context: CommandContext): void {
  const tools = program
    .command("tools")
    .summary("list the tools, and try what they return")
    .description("The built-in tools and those of tools_dir; those of MCP servers are shown by `claw mcp list`.");
  tools
    .command("list")
    .description("Prints every tool with its labels, its effect and the service it reaches. Reads no secret.")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: true }) => list(context, json === true));
  tools
    .command("test")
    .argument("<name>", "a tool")
    .summary("show what a tool would return")
    .description(
      "Decides on a call as the gateway does and, where it is allowed, prints what the model would read. A tool that acts or sends data out is never run: what would be called is printed, exit code 3. Exits 4 where the call is denied, 1 where it failed. No gateway need run; tools that keep something need its database.",
    )
    .option("--args <json>", "its arguments", "{}")
    .option("--agent <name>", "the agent that calls it; left out, the first that may")
    .option("--as <principal>", 'who asks: "matrix:@name:server" or "telegram:123456789"; left out, the first who may')
    .option("--json", "as JSON, with what code reads of the result")
    .action(async (name: string, options: TestOptions) => testTool(context, name, options));
}

async function list(context: CommandContext, json: boolean): Promise<void> {
  const { out } = context;
  const config = await context.loadConfig("skip");
  const builtin = unconnectedTools();
  const names = builtin.map(({ name }) => name);
  const tools = [...builtin, ...(await loadOwnTools(context.configFile(), names))];
  const rows = tools.map(({ name, labels, effect, asks, service }) => {
    const reaches = service && { service, setUp: config.services[service] !== undefined };
    return { name, labels, effect, asks: asks === true, ...reaches };
  });
  if (json) return out(JSON.stringify(rows, undefined, 2));
  const cells = rows.map(({ name, labels, effect, asks, service, setUp }) => [
    name,
    labels.join(" ") || "-",
    effect,
    asks ? "always" : "-",
    service === undefined ? "-" : setUp === true ? service : `${service}: tools.${service} is not set up`,
  ]);
  for (const line of alignedLines([["TOOL", "LABELS", "EFFECT", "ASKS", "SERVICE"], ...cells])) out(line);
}

async function testTool(context: CommandContext, name: string, options: TestOptions): Promise<void> {
  const config = await context.loadConfig();
  // What loads the database's client is of no use to a list.
  const { loadTools } = await import("./loaded-tools.ts");
  const loaded = await loadTools(config, context.configFile());
  try {
    const call = callOf(loaded.tools, name, options.args);
    const scope = scopeOf(config, call, options);
    const tested = await runIfHarmless(config, scope, call);
    if (options.json) context.out(JSON.stringify(tested, undefined, 2));
    else show(context, tested);
    const code = exitCodeOf(tested);
    if (code !== 0) throw new ExitCode(code);
  } finally {
    await loaded.end();
  }
}

function callOf(tools: readonly Tool[], name: string, args: string): ReadyCall {
  const tool = tools.find((each) => each.name === name);
  const names = tools.map((each) => each.name);
  if (!tool) throw new ClawError("bad_request", `no tool is named "${name}"; ${suggest(name, "Tools", names)}`);
  const prepared = prepareCall(tool, { id: "test", name, arguments: args }, false);
  if ("input" in prepared) return prepared;
  throw new ClawError("bad_request", `--args: ${prepared.text}`);
}

/** Who calls: of the agents and people asked for, or of all, the first pair for whom it is decided most mildly. */
function scopeOf(config: Config, call: ReadyCall, options: TestOptions): Scope {
  const people = options.as === undefined ? peopleOf(config) : [personOf(options.as)];
  const scopes = agentsOf(config, options.agent).flatMap((agent) =>
    people.map((principal): Scope => ({ config, agent, principal, room: undefined, trigger: "chat" })),
  );
  const decided = scopes.map((scope) => ({
    scope,
    ...decide(scope, { ...call, args: call.input, ...circumstancesOf(scope) }),
  }));
  const [first] = (["allow", "ask", "deny"] as const).flatMap((wanted) =>
    decided.filter(({ decision }) => decision === wanted),
  );
  if (first) return first.scope;
  throw new ClawError("bad_request", "nobody is in any group of the config: name somebody by --as");
}

function agentsOf(config: Config, name: string | undefined): Agent[] {
  if (name === undefined) return [...config.agents.values()];
  const agent = config.agents.get(name);
  if (agent) return [agent];
  throw new ClawError(
    "bad_request",
    `no agent is named "${name}"; ${suggest(name, "Agents", [...config.agents.keys()])}`,
  );
}

const peopleOf = ({ groups }: Config): Principal[] => [
  ...new Set([...groups.values()].flatMap(({ members }) => members as Principal[])),
];

function personOf(text: string): Principal {
  const { data, error } = safeParse(principalSchema, text);
  if (data !== undefined) return data as Principal;
  throw new ClawError("bad_request", `--as ${error?.issues[0]?.message ?? "is not valid"}`);
}

/** Nobody has written anything, and nothing was read: only who asks may taint it. */
const circumstancesOf = ({ config, principal }: Scope) => ({
  request: "",
  taint: isTrusted(config, principal) ? [] : [`person:${principal}`],
});

/** A call that was decided on, and what came of it where it was run. */
interface Tested extends Decision, Partial<ToolResult> {
  readonly tool: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly input: ReadyCall["input"];
  readonly milliseconds?: number;
}

async function runIfHarmless(config: Config, scope: Scope, call: ReadyCall): Promise<Tested> {
  const { decision, granted } = GrantedCall.decide(scope, call, circumstancesOf(scope));
  const { agent, principal } = scope;
  const tested = { tool: call.tool.name, agent: agent.name, principal, input: call.input, ...decision };
  if (!granted || call.tool.labels.includes("act") || call.tool.labels.includes("egress")) return tested;
  const began = performance.now();
  const result = await executeCall(granted, contextOf(config, scope));
  return { ...tested, ...result, milliseconds: Math.round(performance.now() - began) };
}

/** No chat, no run, no other agent: what needs one says so. */
function contextOf({ timezone }: Config, { agent, principal }: Scope): ToolContext {
  const nobody = (): Promise<never> => Promise.reject(new ClawError("bad_request", "There is no chat in a test."));
  const id = randomUUID();
  return {
    ...{ principal, agent: agent.name, timezone, conversationId: id, callKey: `test:${id}` },
    ...{ shared: false, taint: [], addTaint: () => {}, now: () => new Date(), signal: new AbortController().signal },
    ...{ sendFile: nobody, sendMessage: nobody, askAgent: nobody },
  };
}

function exitCodeOf({ decision, outcome }: Tested): number {
  if (decision === "deny") return 4;
  if (outcome === undefined) return 3;
  return outcome === "ok" ? 0 : 1;
}

/** What strangers wrote cannot turn the terminal around. */
function show({ out, note }: CommandContext, tested: Tested): void {
  const { tool, agent, principal, input, decision, rule, text, milliseconds } = tested;
  note(`${tool} ${shownArguments(input)}`);
  note(`called by ${agent} for ${principal}: ${decision}: ${rule}`);
  if (text === undefined) {
    if (decision !== "deny") note("It acts, sends data out or has to be asked for: it was not run.");
    return;
  }
  for (const line of text.split("\n")) out(visible(line));
  note(`${text.length} characters in ${milliseconds ?? 0} ms`);
}
