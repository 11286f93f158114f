import type { Command } from "commander";
import { newKey } from "../../lib/seal.ts";
import type { CommandContext } from "./context.ts";
import { registerRotate } from "./keys-rotate.ts";

/** Adds `claw keys new` and `claw keys rotate`. */
export function register(program: Command, context: CommandContext): void {
  const keys = program
    .command("keys")
    .summary("make or change the gateway's key")
    .description("The key everything people and agents said is sealed with.");
  keys
    .command("new")
    .description("Prints a fresh OPENCLAW_KEY. Nothing is stored.")
    .action(() => {
      context.out(newKey());
      context.note(
        "Put it into the service's env_file as OPENCLAW_KEY=… and keep a copy: without it nothing stored opens.",
      );
    });
  registerRotate(keys, context);
}
