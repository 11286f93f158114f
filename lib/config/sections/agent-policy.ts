/** What an agent may do only with a yes, only with such arguments, and what once its run is tainted. */
import { z } from "zod";
import { argumentPath, count, hostPattern, name, toolGlob } from "../primitives.ts";
import { safePattern } from "../safe-pattern.ts";

const argumentRule = z.strictObject({
  hosts: z
    .array(hostPattern)
    .optional()
    .describe('A URL to one of these hosts, such as "home.example" or "*.home.example".'),
  one_of: z.array(z.string()).optional().describe("One of these values, letter for letter."),
  pattern: safePattern.optional().describe("A regular expression for all of it, 256 characters at most."),
  max_length: count.optional().describe("Characters."),
  named: z.boolean().default(false).describe("Named whole in what the person wrote."),
  unmet: z.enum(["deny", "ask"]).default("deny").describe("What becomes of a call that does not meet this."),
});

const whenTainted = (what: string) => z.enum(["allow", "ask", "deny"]).optional().describe(what);

/** Further keys of `agents.NAME`. */
export const agentPolicy = {
  ask: z.array(toolGlob).default([]).describe("Called only with an approver's yes, always."),
  calls: z.array(name).default([]).describe("Agents it may ask through the tool agent_ask, each within both scopes."),
  when_tainted: z
    .strictObject({
      act: whenTainted('Tools that change something; left out, "ask" where the agent has an approver, else "deny".'),
      egress: whenTainted('Tools that send data out; left out, "deny".'),
    })
    .prefault({})
    .describe("What it may do once it has read what untrusted people may have written."),
  arguments: z
    .record(
      toolGlob,
      z
        .record(argumentPath, argumentRule.describe("All of it must be met by every value there."))
        .describe("By argument; dotted into nested ones."),
    )
    .default({})
    .describe("What arguments of its calls must be, by tool or family."),
};
