import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { describeAccess, renderAccess } from "../../lib/policy/describe.ts";
import { configWarnings } from "../../lib/policy/warnings.ts";

/** Adds `claw check`: validates the config without starting, and prints who may talk to which agent with which tools. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("check")
    .summary("validate the config and print who may do what")
    .description(
      "Validates openclaw.toml without starting anything and prints, for every agent, who may talk to it and which tools that gives. Exits 1 with every problem where it is invalid.",
    )
    .option("--no-secrets", "do not read secrets (for CI on a machine without them)")
    .option("--verbose", "also list the tools each person is denied, with the rule")
    .action(async ({ secrets, verbose = false }: { secrets: boolean; verbose?: boolean }) => {
      const config = await context.loadConfig(secrets ? "resolve" : "skip");
      for (const line of renderAccess(config, describeAccess(config), verbose)) context.out(line);
      for (const warning of configWarnings(config, context.env)) context.out(`warning: ${warning}`);
      const counts = [
        counted(config.agents.size, "agent"),
        counted(config.groups.size, "group"),
        counted(config.backends.size, "backend"),
        counted(config.toolFacts.length, "tool"),
      ];
      context.out(`${context.configFile()} is valid${secrets ? "" : " (secrets not read)"}: ${counts.join(", ")}.`);
    });
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
