import type { Command } from "commander";
import { jsonSchema } from "../../lib/config/json-schema.ts";
import type { CommandContext } from "./context.ts";

/** Adds `claw schema`: prints the JSON Schema of openclaw.toml, for editors. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("schema")
    .summary("print the JSON Schema of openclaw.toml")
    .description("Prints the JSON Schema of openclaw.toml, which editors complete and check by.")
    .action(() => context.out(JSON.stringify(jsonSchema(), null, 2)));
}
