/** time_now: models do not know what time it is. */
import { z } from "zod";
import { defineTool, type Tool } from "./define.ts";

export const timeNow = defineTool({
  name: "time_now",
  description: "The current date, time and time zone.",
  input: z.strictObject({}),
  labels: [],
  effect: "idempotent",
  timeoutMs: 1_000,
  outputLimit: 200,
  async run(_input, { now, timezone }) {
    const at = now();
    const local = at.toLocaleString("en-GB", { timeZone: timezone, dateStyle: "full", timeStyle: "long" });
    return `${local} (${timezone}); ${at.toISOString()}`;
  },
}) as Tool;
