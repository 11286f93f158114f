/** Tool calls that code makes itself: decided on, run and journalled like those of a model. */
import type { RunEvent } from "../agent/events.ts";
import type { FixedCall } from "../agent/job-function.ts";
import { executeCall, prepareCall, type ToolHost, type ToolResult } from "../agent/tool-call.ts";

/** What came of a call. `denied`: config does not grant it. */
export interface MadeCall {
  readonly call: FixedCall;
  readonly outcome: ToolResult["outcome"] | "denied";
  readonly text: string;
  readonly data: unknown;
}

export interface CallOptions {
  readonly host: ToolHost;
  /** Of the calls' ids: `source-0`, `source-1`, … */
  readonly prefix: string;
  /** Why a call that config grants is not made: it would not be what its place is for. */
  readonly refuses: (tool: NonNullable<ReturnType<ToolHost["find"]>>) => string | undefined;
  readonly signal: AbortSignal;
  readonly clock: () => number;
}

/**
 * Makes the calls side by side, each under its tool's timeout, and returns what came of them with what is to be journalled.
 * Their arguments are the code's own, so nothing has tainted them. Throws only when the signal aborts.
 */
export async function makeCalls(
  options: CallOptions,
  calls: readonly FixedCall[],
): Promise<{ readonly made: readonly MadeCall[]; readonly events: readonly RunEvent[] }> {
  const settled = await Promise.allSettled(calls.map((call, index) => makeCall(options, call, index)));
  const broken = settled.find((result) => result.status === "rejected");
  if (broken) throw broken.reason;
  const all = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const { taint } = options.host;
  const outcomes = all.map(({ finished }): RunEvent => ({ ...finished, taint }));
  return { made: all.map(({ made }) => made), events: [...all.map(({ requested }) => requested), ...outcomes] };
}

type Finished = Extract<RunEvent, { type: "tool.finished" }>;

async function makeCall(
  { host, prefix, refuses, signal, clock }: CallOptions,
  call: FixedCall,
  index: number,
): Promise<{ made: MadeCall; requested: RunEvent; finished: Finished }> {
  const began = clock();
  const id = `${prefix}-${index}`;
  const toolCall = { id, name: call.tool, arguments: JSON.stringify(call.args) };
  const tool = host.find(call.tool);
  const prepared = tool && prepareCall(tool, toolCall, false);
  const ready = prepared && "input" in prepared ? prepared : undefined;
  const { decision, granted } = host.decide(call.tool, { ready, taint: [] });
  // Nobody waits for a yes here: what would have to be asked is not done.
  const unasked = decision.decision === "ask" ? `${decision.rule}, and nobody is asked here` : undefined;
  const refused = tool && decision.decision !== "deny" ? (unasked ?? refuses(tool)) : undefined;
  const result = await (async (): Promise<{ outcome: MadeCall["outcome"]; text: string; data?: unknown }> => {
    if (!tool) return { outcome: "error", text: `There is no tool named "${call.tool}".` };
    if (decision.decision === "deny") return { outcome: "denied", text: `Not granted: ${decision.rule}.` };
    if (refused !== undefined) return { outcome: "error", text: `Not called: ${refused}.` };
    if (!granted) return { outcome: "error", text: prepared && "text" in prepared ? prepared.text : "Not called." };
    const done = await executeCall(granted, host.context(id, signal));
    if (tool.labels.includes("untrusted")) host.addTaint([`tool:${tool.name}`]);
    return done;
  })();
  const known = tool !== undefined;
  return {
    made: { call, outcome: result.outcome, text: result.text, data: result.data },
    requested: {
      ...{ type: "tool.requested", call: toolCall, known, taint: [] },
      ...(refused === undefined ? decision : { decision: "deny", rule: refused }),
    },
    finished: {
      ...{ type: "tool.finished", call: toolCall, known, taint: [] },
      outcome: result.outcome,
      result: result.text,
      ...(result.data !== undefined && { data: result.data }),
      milliseconds: Math.round(clock() - began),
    },
  };
}
