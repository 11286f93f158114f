/** history_search: the person's own earlier conversations with this agent. */
import { z } from "zod";
import type { Principal } from "../channel/types.ts";
import type { TaintSource } from "../policy/taint.ts";
import { defineTool, type Tool } from "./define.ts";
import { excerpt } from "./excerpt.ts";

/** What was said in one earlier run. */
export interface SpokenTurn {
  readonly at: Date;
  readonly said: string;
  readonly answered: string;
  /** What had tainted it. */
  readonly taint: readonly TaintSource[];
}

/** Reads a person's turns with an agent, newest first; in a shared room, those of that conversation only. */
export type TurnReader = (who: {
  readonly principal: Principal;
  readonly agent: string;
  readonly conversationId: string | undefined;
  readonly since: Date;
}) => AsyncIterable<SpokenTurn>;

/** The tool over a reader. `days` is read at each call: config may change. */
export function historyTool(read: TurnReader, days: () => number): Tool {
  return defineTool({
    name: "history_search",
    description: "Searches the person's own earlier conversations with you for words; newest first.",
    input: z.strictObject({ query: z.string().trim().min(2).max(200), limit: z.int().min(1).max(10).default(5) }),
    labels: ["private"],
    effect: "idempotent",
    timeoutMs: 15_000,
    outputLimit: 6_000,
    async run({ query, limit }, { principal, agent, conversationId, shared, now, timezone, signal, addTaint }) {
      const words = query.toLowerCase().split(/\s+/);
      const since = new Date(now().getTime() - days() * 86_400_000);
      const found: string[] = [];
      for await (const turn of read({ principal, agent, conversationId: shared ? conversationId : undefined, since })) {
        if (signal.aborted || found.length >= limit) break;
        const text = `${turn.said}\n${turn.answered}`.toLowerCase();
        if (!words.every((word) => text.includes(word))) continue;
        addTaint(turn.taint);
        const at = turn.at.toLocaleString("en-GB", { timeZone: timezone, dateStyle: "medium", timeStyle: "short" });
        found.push(`${at}\nPerson: ${excerpt(turn.said, words)}\nYou: ${excerpt(turn.answered, words)}`);
      }
      return found.length === 0 ? `Nothing found for "${query}" in the last ${days()} days.` : found.join("\n\n");
    },
  });
}
