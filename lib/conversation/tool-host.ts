import type { Principal } from "../channel/types.ts";
import type { Answer, ToolHost } from "../agent/tool-call.ts";
import { approvalOf } from "../ledger/approvals.ts";
import type { Sql } from "../db/client.ts";
import type { Scope } from "../policy/decide.ts";
import { GrantedCall } from "../policy/granted.ts";
import type { Taint } from "../policy/taint.ts";
import { decide } from "../policy/decide.ts";
import type { Tool, ToolContext } from "../tools/define.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/** What the tools of one run are run with. */
export interface ToolHostSetup {
  readonly scope: Scope;
  /** Whose own things the tools read and write. */
  readonly principal: Principal;
  readonly timezone: string;
  readonly runId: string;
  readonly conversationId: string;
  /** True in rooms with others. */
  readonly shared: boolean;
  /** Undefined in a job, and where another agent asks. */
  readonly place: ToolContext["place"];
  /** What the person wrote themselves. */
  readonly request: string;
  readonly taint: Taint;
  /** The key of a limit that the run has used up. */
  readonly exhausted: () => string | undefined;
  /** Why the run itself has no call of a tool made, though config may grant it. */
  readonly withholds?: ((tool: Tool) => string | undefined) | undefined;
  /** False: nobody is asked, and what would need a yes is denied. */
  readonly asks?: boolean | undefined;
  /** What its tools can reach. */
  readonly reach: Pick<ToolContext, "sendFile" | "sendMessage" | "askAgent" | "look">;
}

/** The tools of one run: what there is, the policy's word on each call, and what a call may know. */
export function createToolHost(sql: Sql, registry: ToolRegistry, setup: ToolHostSetup): ToolHost {
  const {
    scope,
    principal,
    timezone,
    runId,
    conversationId,
    shared,
    place,
    request,
    taint,
    exhausted,
    withholds,
    asks = true,
    reach,
  } = setup;
  return {
    find: (name) => registry.get(name),

    decide(name, { ready, taint: sources, approved }) {
      const tool = registry.get(name);
      if (!tool) return { decision: { decision: "deny", rule: "no tool has this name" }, granted: undefined };
      const withheld = withholds?.(tool);
      if (withheld !== undefined) return { decision: { decision: "deny", rule: withheld }, granted: undefined };
      const used = exhausted();
      const circumstances = { request, taint: sources, ...(used !== undefined && { exhausted: used }) };
      if (!ready) return { decision: decide(scope, { ...circumstances, tool, args: undefined }), granted: undefined };
      const place = approved && { place: { runId, seq: approved.seq }, approval: approved.approval };
      const decided = GrantedCall.decide(scope, ready, circumstances, place);
      if (asks || decided.decision.decision !== "ask") return decided;
      return {
        decision: { decision: "deny", rule: `${decided.decision.rule}, and nobody is asked` },
        granted: undefined,
      };
    },

    get taint() {
      return taint.sources;
    },

    addTaint: (sources) => taint.add(sources),

    async answer(seq): Promise<Answer> {
      const found = await approvalOf(sql, { runId, seq });
      if (!found) return { state: "pending", asked: false };
      const { state, decidedBy: by = "", callHash } = found;
      if (state === "pending") return { state, asked: true };
      return state === "approved" ? { state, by, approval: { callHash } } : { state, by };
    },

    context: (callSeq, signal) => ({
      principal,
      agent: scope.agent.name,
      conversationId,
      shared,
      place,
      timezone,
      now: () => new Date(),
      callKey: `${runId}:${callSeq}`,
      signal,
      taint: taint.sources,
      addTaint: (sources) => taint.add(sources),
      ...reach,
    }),
  };
}
