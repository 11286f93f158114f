import type { AgentFunction } from "../../lib/agent/function.ts";
import { chat } from "./chat.ts";

/** Agent functions by the name config gives them. */
export const agentFunctions: ReadonlyMap<string, AgentFunction> = new Map([["chat", chat]]);
