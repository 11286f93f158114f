import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";
import { world } from "../world.ts";

export default defineTool({
  name: "tickets_get",
  description: "The open tickets, with their texts.",
  input: z.strictObject({}),
  labels: ["untrusted", "private"],
  effect: "idempotent",
  timeoutMs: 1_000,
  outputLimit: 20_000,
  run: async () => `1. Harmless\n2. ${world.poison}`,
});
