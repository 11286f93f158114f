import type { AgentFunction } from "../../lib/agent/function.ts";
import type { JobFunction } from "../../lib/agent/job-function.ts";
import { briefing } from "./briefing.ts";
import { chat } from "./chat.ts";
import { digest } from "./digest.ts";
import { report } from "./report.ts";
import { review } from "./review.ts";

/** Agent functions by the name config gives them. */
export const agentFunctions: ReadonlyMap<string, AgentFunction> = new Map([["chat", chat]]);

/** What a job's function is, by the name config gives it. */
export const jobFunctions: ReadonlyMap<string, JobFunction> = new Map([
  ["briefing", briefing],
  ["digest", digest],
  ["review", review],
  ["report", report],
]);
