/** message_send: a message to a place the config names. */
import { z } from "zod";
import { defineTool, type Tool } from "./define.ts";

/** The tool. `names` are told to the model; what they mean, and whether there are more, the config in force says. */
export const messageTool = (names: readonly string[]): Tool =>
  defineTool({
    name: "message_send",
    description: `Sends a message to another chat, to one of: ${names.join(", ") || "(none configured)"}. Not needed to answer here.`,
    input: z.strictObject({
      to: z.string().min(1).max(100).describe("The destination's name"),
      text: z.string().trim().min(1).max(4_000).describe("Markdown"),
    }),
    labels: ["act", "egress"],
    bounded: true,
    effect: "keyed",
    timeoutMs: 10_000,
    outputLimit: 1_000,
    async run({ to, text }, { sendMessage, callKey }) {
      await sendMessage(to, text, callKey);
      return `The message to ${to} is on its way.`;
    },
  });
