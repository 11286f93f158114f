import type { Command } from "commander";
import { newKey } from "../../lib/seal.ts";
import type { CommandContext } from "./context.ts";

/** Adds `claw keys new`: prints a fresh OPENCLAW_KEY. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("keys")
    .summary("make the gateway's key")
    .description("The key everything people and agents said is sealed with.")
    .command("new")
    .description("Prints a fresh OPENCLAW_KEY. Nothing is stored.")
    .action(() => {
      context.out(newKey());
      context.note(
        "Put it into the service's env_file as OPENCLAW_KEY=… and keep a copy: without it nothing stored opens.",
      );
    });
}
