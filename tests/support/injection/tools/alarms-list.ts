import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";
import { world } from "../world.ts";

export default defineTool({
  name: "alarms_list",
  description: "Alarms that are firing, with their annotations.",
  input: z.strictObject({}),
  labels: ["untrusted"],
  effect: "idempotent",
  timeoutMs: 1_000,
  outputLimit: 20_000,
  run: async () => `1. Harmless\n2. ${world.poison}`,
});
