import { Command, CommanderError } from "commander";
import { type Environment, readEnvironment } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { ClawError } from "../../lib/errors.ts";
import { version } from "../../lib/version.ts";
import { type CommandContext, ExitCode, type Register } from "./context.ts";

interface CommandModule {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly register: Register }>;
}

/** Loaded only when called, so that `claw check` does not pay for the Matrix bridge. */
const modules: readonly CommandModule[] = [
  {
    name: "init",
    summary: "make a config: asks what it needs, and says what is left to do",
    load: () => import("./init.ts"),
  },
  { name: "check", summary: "validate the config and print who may do what", load: () => import("./check.ts") },
  { name: "doctor", summary: "look at every connection, and say how to mend it", load: () => import("./doctor.ts") },
  { name: "policy", summary: "explain decisions on tool calls", load: () => import("./policy.ts") },
  { name: "schema", summary: "print the JSON Schema of openclaw.toml", load: () => import("./schema.ts") },
  { name: "keys", summary: "make or change the gateway's key", load: () => import("./keys.ts") },
  { name: "budgets", summary: "what is used of the daily budgets", load: () => import("./budgets.ts") },
  { name: "drift", summary: "whether agents behave as they did", load: () => import("./drift.ts") },
  { name: "approvals", summary: "list and decide what agents ask for", load: () => import("./approvals.ts") },
  { name: "jobs", summary: "list and run scheduled jobs", load: () => import("./jobs.ts") },
  { name: "timers", summary: "write timers that ask for the jobs", load: () => import("./timers.ts") },
  { name: "service", summary: "write the gateway's own systemd unit", load: () => import("./service.ts") },
  { name: "telegram", summary: "set up and inspect the Telegram bots", load: () => import("./telegram.ts") },
  {
    name: "matrix",
    summary: "register the application service, create and verify agent users",
    load: () => import("./matrix.ts"),
  },
  { name: "audit", summary: "read and check the audit trail", load: () => import("./audit.ts") },
  { name: "tools", summary: "list the tools, and try what they return", load: () => import("./tools.ts") },
  {
    name: "replay",
    summary: "run recorded runs again on another model or prompt, touching nothing",
    load: () => import("./replay.ts"),
  },
  { name: "ops", summary: "log in to the ops page", load: () => import("./ops.ts") },
  {
    name: "backup",
    summary: "back up the database, the config and the keys, encrypted",
    load: () => import("./backup.ts"),
  },
  { name: "restore", summary: "restore a backup onto an empty machine", load: () => import("./restore.ts") },
  { name: "mcp", summary: "inspect MCP servers and pin their tools", load: () => import("./mcp.ts") },
];

/** Runs one command line (without node and script) and returns the exit code. Never throws. */
export async function runClaw(argv: readonly string[]): Promise<number> {
  let env: Environment | undefined;
  const program = new Command("claw")
    .description("OpenClaw: a self-hosted gateway to named AI agents over Matrix and Telegram")
    .option(
      "--config <file>",
      "the config (default: OPENCLAW_CONFIG, else ./openclaw.toml, else ./config/openclaw.toml)",
    )
    .version(`claw ${version}, Node ${process.versions.node}`, "--version", "print the version")
    .showHelpAfterError("(claw --help lists the commands)")
    .exitOverride();
  const given = (): string | undefined => program.opts<{ config?: string }>().config;
  const environment = (): Environment => (env ??= readEnvironment(given()));
  const configFile = (): string => given() ?? environment().configFile;
  const context: CommandContext = {
    get env() {
      return environment();
    },
    configFile,
    loadConfig: async (secrets = "resolve") => {
      const { knownTools } = await import("../../lib/tools/own.ts");
      const { facts } = await knownTools(configFile());
      return loadConfig(configFile(), { env: environment(), tools: facts, secrets });
    },
    out: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
  };
  try {
    const called = commandWord(argv);
    for (const { name, summary, load } of modules) {
      if (name === called) (await load()).register(program, context);
      else program.command(name).summary(summary);
    }
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (thrown) {
    return exitCodeOf(thrown);
  }
}

/** The command called, to know what to load: the first word that is no option, or the one `help` asks about. */
function commandWord(argv: readonly string[]): string | undefined {
  const words = argv.filter((word, at) => !word.startsWith("-") && argv[at - 1] !== "--config");
  return words[0] === "help" ? words[1] : words[0];
}

function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof ExitCode) return thrown.code;
  // Commander has printed its own messages, help and version among them.
  if (thrown instanceof CommanderError) return thrown.exitCode;
  const text = thrown instanceof ClawError ? thrown.message : thrown instanceof Error ? thrown.stack : String(thrown);
  process.stderr.write(`${text}\n`);
  return 1;
}
