import { commitmentTools } from "../../lib/tools/commitments.ts";
import { historyTool } from "../../lib/tools/history.ts";
import { timeNow } from "../../lib/tools/time.ts";

const noDatabase = (): never => {
  throw new Error("this tool was made for its name alone");
};

/** The names of the tools there are, known without a database: the config is checked before one is opened. */
export const toolNames = (): string[] =>
  [
    timeNow,
    ...commitmentTools({ list: noDatabase, add: noDatabase, complete: noDatabase }, () => 0),
    historyTool(noDatabase, () => 0),
  ].map(({ name }) => name);
