import type { Principal } from "../channel/types.ts";
import type { Agent } from "../config/config.ts";
import type { PastTurn } from "./history.ts";
import type { LoopResult } from "./loop.ts";
import type { ImagePart, ModelMessage } from "./model.ts";

/** What an agent function is given: who asks what, and the loop with the tools that are granted, no more. */
export interface AgentContext {
  readonly agent: Agent;
  readonly principal: Principal;
  readonly timezone: string;
  readonly now: Date;
  /** The person's message, voice turned to text and attachments noted. */
  readonly text: string;
  readonly images: readonly ImagePart[];
  /** Earlier turns, newest first, about as many as the agent's history may hold. */
  history(): readonly PastTurn[];
  /** Runs the journalled loop on these messages. Call once. */
  run(messages: readonly ModelMessage[]): Promise<LoopResult>;
}

/** Given an event and the granted scope: gather, run the loop, return the reply. Not called again for a resumed run. */
export type AgentFunction = (context: AgentContext) => Promise<LoopResult>;
