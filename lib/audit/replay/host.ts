/** The tool host of a replay: real decisions, recorded answers and results, and nothing within reach. */
import { randomUUID } from "node:crypto";
import type { RecordedEvent } from "../../agent/events.ts";
import { prepareCall, type ToolHost } from "../../agent/tool-call.ts";
import { createToolHost } from "../../conversation/tool-host.ts";
import type { Sql } from "../../db/client.ts";
import { callHash } from "../../policy/granted.ts";
import type { Taint } from "../../policy/taint.ts";
import type { ToolContext } from "../../tools/define.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import type { Recording } from "./recording.ts";
import type { RecordedResults } from "./results.ts";
import type { RecordedScope } from "./scope.ts";

export interface ReplayHostSetup {
  readonly sql: Sql;
  readonly runId: string;
  readonly timezone: string;
  readonly recording: Recording;
  readonly recorded: RecordedScope;
  /** Of stand-ins. */
  readonly registry: ToolRegistry;
  readonly results: RecordedResults;
  readonly taint: Taint;
  /** The key of a limit that the replay has used up. */
  readonly exhausted: () => string | undefined;
  /** What the replay has journalled so far. */
  readonly events: readonly RecordedEvent[];
  /** Told of calls that somebody would be asked about, by seq. */
  readonly onUnasked: (seq: number) => void;
}

const nothing = (): never => {
  throw new Error("a replay reaches nothing");
};
const nowhere: Pick<ToolContext, "sendFile" | "sendMessage" | "askAgent"> = {
  sendFile: nothing,
  sendMessage: nothing,
  askAgent: nothing,
};

/** A run's own host over stand-ins; what approvers said is what they said of the same call then, and nobody is asked now. */
export function createReplayHost(setup: ReplayHostSetup): ToolHost {
  const { sql, runId, timezone, recording, recorded, registry, results, taint, exhausted, events, onUnasked } = setup;
  const { run, started } = recording;
  const host = createToolHost(sql, registry, {
    ...{ scope: recorded.scope, withholds: recorded.withholds, asks: recorded.asks },
    ...{ principal: run.principal, timezone, runId, conversationId: randomUUID(), shared: true, place: undefined },
    ...{ request: started.request, taint, exhausted, reach: nowhere },
  });
  return {
    find: (name) => host.find(name),
    decide: (name, how) => host.decide(name, how),
    get taint() {
      return taint.sources;
    },
    addTaint: (sources) => host.addTaint(sources),
    context: (callKey, signal) => host.context(callKey, signal),
    async answer(seq) {
      const asked = events.find((each) => each.seq === seq)?.event;
      if (asked?.type !== "tool.requested") throw new Error(`nothing was asked at ${seq}`);
      const tool = registry.get(asked.call.name);
      const ready = tool && prepareCall(tool, asked.call, false);
      const approval = ready && "input" in ready ? results.takeApproval(ready.tool.name, ready.input) : undefined;
      if (!approval || !ready || !("input" in ready)) {
        onUnasked(seq);
        return { state: "cancelled", by: "" };
      }
      // Nobody said so of this run: the journal must not read as if they had.
      const by = approval.approver === "" ? "" : `recorded:${approval.approver}`;
      return approval.outcome === "approved"
        ? { state: "approved", by, approval: { callHash: callHash({ runId, seq }, ready) } }
        : { state: approval.outcome, by };
    },
  };
}
