import type { Command } from "commander";
import type { Config } from "../../lib/config/config.ts";
import type { Environment } from "../../lib/config/environment.ts";
import type { WhichSecrets } from "../../lib/config/load.ts";

/**
 * What every command is given. A command fails by throwing: the message of a ClawError is printed to stderr as it is,
 * anything else with its stack, and the exit code is 1.
 */
export interface CommandContext {
  readonly env: Environment;
  /** `--config`, else OPENCLAW_CONFIG, else ./openclaw.toml or ./config/openclaw.toml; known once the command line is parsed. */
  readonly configFile: () => string;
  /**
   * Loads the config; throws ConfigError with every problem. `skip` leaves secrets unread: revealing one throws. `database`
   * and `matrix` read that section's alone.
   */
  readonly loadConfig: (secrets?: WhichSecrets) => Promise<Config>;
  /** One line of the answer, to stdout. */
  readonly out: (line: string) => void;
  /** One line beside the answer, to stderr. */
  readonly note: (line: string) => void;
}

/** What each file of functions/commands/ exports: adds its commands to the program. */
export type Register = (program: Command, context: CommandContext) => void;

/** Thrown by a command that has answered and whose exit code is part of the answer: nothing more is printed. */
export class ExitCode extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}
