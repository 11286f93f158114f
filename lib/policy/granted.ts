/** The only way to a tool's effect: a call that was decided here, and allowed. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../config/canonical-json.ts";
import type { Tool } from "../tools/define.ts";
import { type CallFacts, decide, type Decision, type Scope } from "./decide.ts";

/** A call that could be run, were it granted: known, its arguments whole and valid. */
export interface ReadyCall {
  readonly tool: Tool;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Where a call stands in its run's journal: an approval holds for this place alone. */
export interface CallPlace {
  readonly runId: string;
  readonly seq: number;
}

/** An approver's yes. */
export interface Approval {
  /** What was shown and agreed to, by `callHash`. */
  readonly callHash: string;
}

/** SHA-256 (hex) of a call, its exact arguments and its place. */
export const callHash = ({ runId, seq }: CallPlace, { tool, input }: ReadyCall): string =>
  createHash("sha256")
    .update(canonicalJson({ runId, seq, tool: tool.name, input }))
    .digest("hex");

/** What a decision depends on besides the call itself. */
export type Circumstances = Omit<CallFacts, "tool" | "args">;

/** A call that may be run. There is no other way to make one than `GrantedCall.decide`, and none to run a tool without one. */
export class GrantedCall {
  readonly tool: Tool;
  readonly input: Readonly<Record<string, unknown>>;
  readonly #granted = true;

  private constructor({ tool, input }: ReadyCall) {
    this.tool = tool;
    // A copy: what was decided on cannot be changed afterwards.
    this.input = structuredClone(input);
  }

  /** Decides; what is to be asked is granted only with an approval of exactly this call. */
  static decide(
    scope: Scope,
    call: ReadyCall,
    circumstances: Circumstances,
    approved?: { readonly place: CallPlace; readonly approval: Approval },
  ): { readonly decision: Decision; readonly granted: GrantedCall | undefined } {
    const decision = decide(scope, { ...circumstances, tool: call.tool, args: call.input });
    const agreed = approved !== undefined && approved.approval.callHash === callHash(approved.place, call);
    const may = decision.decision === "allow" || (decision.decision === "ask" && agreed);
    return { decision, granted: may ? new GrantedCall(call) : undefined };
  }

  /** Whether it was made here: a look-alike is not. */
  static is(value: object): value is GrantedCall {
    return #granted in value && value.#granted;
  }
}
