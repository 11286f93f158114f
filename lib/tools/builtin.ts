import type { RawConfig } from "../config/schema.ts";
import type { ToolFacts } from "../config/tool-facts.ts";
import { type CommitmentStore, commitmentTools } from "./commitments.ts";
import type { Tool } from "./define.ts";
import { factsOf } from "./facts.ts";
import { filesTool } from "./files.ts";
import { historyTool, type TurnReader } from "./history.ts";
import { timeNow } from "./time.ts";

/** What the built-in tools reach the rest by. */
export interface BuiltinStores {
  readonly commitments: CommitmentStore;
  readonly turns: TurnReader;
}

/** The tools that come with the gateway. `settings` is read at each call: config may change. */
export const builtinTools = (stores: BuiltinStores, settings: () => RawConfig["tools"]): Tool[] => [
  timeNow,
  ...commitmentTools(stores.commitments, () => settings().commitments.max_open),
  historyTool(stores.turns, () => settings().history.days),
  filesTool(() => settings().files.max_kb),
];

const nowhere = (): never => {
  throw new Error("this tool was made for its facts alone");
};

/** The built-in tools' facts, known without a database: the config is checked before one is opened. */
export const builtinToolFacts = (): ToolFacts[] =>
  builtinTools({ commitments: { list: nowhere, add: nowhere, complete: nowhere }, turns: nowhere }, nowhere).map(
    factsOf,
  );
