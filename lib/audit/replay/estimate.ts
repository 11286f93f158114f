import type { Agent, Backend, Config } from "../../config/config.ts";
import { costOf } from "../../llm/price.ts";
import type { ChosenRun } from "./choose.ts";

/** In words, before many runs are replayed: how many, and what they took then and would cost now. A model may do otherwise. */
export async function estimateOf(
  config: Config,
  runs: readonly ChosenRun[],
  backend: string | undefined,
): Promise<string> {
  const counted = runs.filter(({ inputTokens }) => inputTokens !== undefined);
  const input = counted.reduce((sum, run) => sum + (run.inputTokens ?? 0), 0);
  const output = counted.reduce((sum, run) => sum + (run.outputTokens ?? 0), 0);
  const costOfRun = async (run: ChosenRun): Promise<number | undefined> => {
    const agent: Agent | undefined = config.agents.get(run.agent);
    const asked: Backend | undefined = config.backends.get(backend ?? agent?.backend ?? "");
    const { inputTokens = 0, outputTokens = 0 } = run;
    const usage = { inputTokens, outputTokens, cachedTokens: undefined };
    return asked && (await costOf(asked, config.budget.currency, { usage, model: asked.model }))?.amount;
  };
  const costs = await Promise.all(counted.map(costOfRun));
  const known = costs.every((cost) => cost !== undefined);
  const total = costs.reduce((sum: number, cost) => sum + (cost ?? 0), 0);
  const uncounted = runs.length - counted.length;
  return [
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}, which took ${input} tokens of input and ${output} of output`,
    uncounted > 0 ? ` (${uncounted} were not counted by their providers)` : "",
    `; as much again would cost ${known ? `about ${Number(total.toFixed(4))}` : "an unknown amount: no price is known"}.`,
  ].join("");
}
