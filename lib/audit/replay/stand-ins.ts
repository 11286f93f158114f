/** Tools that do nothing: each has the facts of a real one, and returns what was recorded. */
import { ClawError } from "../../errors.ts";
import { defineTool, type Tool, type ToolOutput } from "../../tools/define.ts";
import { ToolRegistry } from "../../tools/registry.ts";
import type { RecordedResults, Source } from "./results.ts";

/** What a model reads of a call that the recorded run did not make. */
export const nothingRecorded = "There is no result: in the run that is replayed this was not called.";

/** Told where the result of a call was from. `callKey` as in ToolContext. */
export type OnResult = (callKey: string, source: Source) => void;

/**
 * A registry of stand-ins. Of the real tools it takes the facts alone, and has no way to what they do: that is known to
 * `runTool`, for the tools themselves.
 */
export const standInRegistry = (tools: readonly Tool[], results: RecordedResults, onResult: OnResult): ToolRegistry =>
  new ToolRegistry(tools.map((tool) => standIn(tool, results, onResult)));

function standIn(tool: Tool, results: RecordedResults, onResult: OnResult): Tool {
  const { name, description, input, parameters, labels, effect, timeoutMs, service, asks, bounded } = tool;
  return defineTool({
    ...{ name, description, input, labels, effect, timeoutMs },
    ...(parameters && { parameters }),
    ...(service && { service }),
    ...(asks && { asks }),
    ...(bounded && { bounded }),
    // It was cut when it was recorded.
    outputLimit: Number.MAX_SAFE_INTEGER,
    async run(given, { callKey, addTaint }): Promise<ToolOutput> {
      const { source, call } = results.take(name, given);
      onResult(callKey, source);
      if (!call) throw new ClawError("not_found", nothingRecorded, { say: nothingRecorded });
      addTaint(call.taint);
      if (call.outcome === "ok") return { text: call.result };
      const code = call.outcome === "unknown" ? "outcome_unknown" : "bad_request";
      throw new ClawError(code, call.result, { say: call.result });
    },
  });
}
