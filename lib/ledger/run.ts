import type { Principal } from "../channel/types.ts";

/** What is known of a run from its beginning. */
export interface Run {
  readonly id: string;
  readonly conversationId: string;
  readonly lane: string;
  readonly agent: string;
  readonly principal: Principal;
  readonly trigger: "chat" | "agent" | "job" | "replay";
  /** The occurrence of a job that it is an attempt at. */
  readonly job?: { readonly name: string; readonly slot: Date; readonly attempt: number } | undefined;
  /** The run that called this one, or that this one replays. */
  readonly parentRunId?: string | undefined;
  readonly policyHash: string;
  readonly promptHash: string;
}
