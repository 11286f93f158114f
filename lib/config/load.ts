import { resolve } from "node:path";
import { crossCheck } from "./check.ts";
import type { Config } from "./config.ts";
import { assemble } from "./assemble.ts";
import { type Draft, draftOf } from "./draft.ts";
import type { Environment } from "./environment.ts";
import { explainIssues, explainPrototypeKeys } from "./explain.ts";
import { checkMcp, mcpToolFacts } from "./mcp.ts";
import { Problems } from "./problem.ts";
import { readPrompts } from "./prompts.ts";
import { configSchema } from "./schema.ts";
import { resolveSecrets, type Secrets, sectionSecrets, unreadSecrets } from "./secrets.ts";
import type { ToolFacts } from "./tool-facts.ts";
import { readToml } from "./toml.ts";
import { safeParse } from "../safe-parse.ts";

/** What loading needs besides the file. */
export interface LoadOptions {
  readonly env: Environment;
  /** The tools there are, besides those of MCP servers, which the config names: a glob that covers none is a mistake. */
  readonly tools: readonly ToolFacts[];
  /**
   * `skip` leaves secrets unread, for a check where they are not; revealing one then throws. `database` and `matrix` read what
   * that section needs, for a command that opens nothing by the gateway's key. Default `resolve`.
   */
  readonly secrets?: WhichSecrets;
}

/** Which secrets are read. */
export type WhichSecrets = "resolve" | "skip" | "database" | "matrix";

/** Reads and checks openclaw.toml. Throws ConfigError with every problem of every stage. */
export function loadConfig(file: string, options: LoadOptions): Config {
  const document = readToml(file);
  const problems = new Problems(file);
  explainPrototypeKeys(document, problems);
  const checked = safeParse(configSchema, document);
  if (!checked.success) explainIssues(checked.error.issues, document, problems);
  const draft = draftOf(document);
  const tools = [...options.tools, ...mcpToolFacts(draft.mcp)];
  crossCheck(draft, tools, problems);
  checkMcp(
    draft,
    options.tools.map(({ name }) => name),
    problems,
  );
  const prompts = readPrompts(draft, problems);
  const secrets = secretsFor(options.secrets, draft, options.env, problems);
  problems.throwIfAny();
  // A document that fails the schema without a problem being told would be a fault of explainIssues: zod's own error.
  if (!checked.success) throw checked.error;
  return assemble(resolve(file), checked.data, secrets, prompts, options.env, tools);
}

function secretsFor(which: LoadOptions["secrets"], draft: Draft, env: Environment, problems: Problems): Secrets {
  switch (which) {
    case "skip":
      return unreadSecrets(draft);
    case "database":
    case "matrix":
      return sectionSecrets(which, draft, env, problems);
    case "resolve":
    case undefined:
      return resolveSecrets(draft, env, problems);
  }
}
