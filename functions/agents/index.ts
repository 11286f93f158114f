import type { AgentFunction } from "../../lib/agent/function.ts";
import type { JobFunction } from "../../lib/agent/job-function.ts";
import { chat } from "./chat.ts";
import { report } from "./report.ts";

/** Agent functions by the name config gives them. */
export const agentFunctions: ReadonlyMap<string, AgentFunction> = new Map([["chat", chat]]);

/** Those of jobs. */
export const jobFunctions: ReadonlyMap<string, JobFunction> = new Map([["report", report]]);
