/** All checks of a config, by their areas. */
import { suggest } from "../config/nearest.ts";
import { ClawError } from "../errors.ts";
import type { Check } from "./check.ts";
import { clockChecks } from "./clock.ts";
import { configChecks } from "./config.ts";
import { databaseChecks } from "./database.ts";
import { fileChecks } from "./files.ts";
import { gatewayChecks } from "./gateway.ts";
import type { Ground } from "./ground.ts";
import { jobChecks } from "./jobs.ts";
import { matrixChecks } from "./matrix.ts";
import { mcpChecks } from "./mcp.ts";
import { modelChecks } from "./models.ts";
import { sourceChecks } from "./sources.ts";
import { telegramChecks } from "./telegram.ts";

/** What may be asked of it. */
export interface DoctorOptions {
  /** Areas, or names of checks or their beginnings; left out, everything. */
  readonly only?: readonly string[] | undefined;
  /** Whether models are called, which costs a few tokens each. */
  readonly models: boolean;
  /** Files that the config reads secrets from. */
  readonly secretFiles: readonly string[];
  /** Whether it looks from within the gateway's container. */
  readonly contained?: boolean;
}

/** In the order they are told. Throws ClawError `bad_request` where `only` names nothing. */
export function checksOf(ground: Ground, options: DoctorOptions): Check[] {
  const { config } = ground;
  const checks = [
    ...configChecks(config, options.secretFiles, options),
    ...fileChecks(ground),
    ...databaseChecks(ground),
    ...gatewayChecks(ground),
    ...matrixChecks(ground),
    ...telegramChecks(ground),
    ...modelChecks(config, options.models),
    ...sourceChecks(config),
    ...mcpChecks(ground),
    ...jobChecks(ground),
    ...clockChecks(ground),
  ];
  const { only = [] } = options;
  for (const word of only)
    if (!checks.some(({ name }) => covers(word, name)))
      throw new ClawError("bad_request", `--only ${word} names no check: ${suggest(word, "Areas", areasOf(checks))}`);
  return only.length === 0 ? checks : checks.filter(({ name }) => only.some((word) => covers(word, name)));
}

/** The first word of a check's name. */
export const areaOf = (name: string): string => name.split(".", 1)[0] ?? "";

const areasOf = (checks: readonly Check[]): string[] => [...new Set(checks.map(({ name }) => areaOf(name)))];

const covers = (word: string, name: string): boolean => name === word || name.startsWith(`${word}.`);
