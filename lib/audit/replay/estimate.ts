import type { Agent, Backend, Config } from "../../config/config.ts";
import { costOf } from "../../llm/price.ts";
import type { ChosenRun } from "./find.ts";

/** In words, before many runs are replayed: how many, and what they took then and would cost now. A model may do otherwise. */
export function estimateOf(config: Config, runs: readonly ChosenRun[], backend: string | undefined): string {
  const counted = runs.filter(({ inputTokens }) => inputTokens !== undefined);
  const input = counted.reduce((sum, run) => sum + (run.inputTokens ?? 0), 0);
  const output = counted.reduce((sum, run) => sum + (run.outputTokens ?? 0), 0);
  const costs = counted.map((run) => {
    const agent: Agent | undefined = config.agents.get(run.agent);
    const asked: Backend | undefined = config.backends.get(backend ?? agent?.backend ?? "");
    const { inputTokens = 0, outputTokens = 0 } = run;
    return asked && costOf(asked, { inputTokens, outputTokens, cachedTokens: undefined });
  });
  const known = costs.every((cost) => cost !== undefined);
  const total = costs.reduce((sum: number, cost) => sum + (cost ?? 0), 0);
  const uncounted = runs.length - counted.length;
  return [
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}, which took ${input} tokens of input and ${output} of output`,
    uncounted > 0 ? ` (${uncounted} were not counted by their providers)` : "",
    `; as much again would cost ${known ? `about ${Number(total.toFixed(4))}` : "an unknown amount: no price is set"}.`,
  ].join("");
}
