import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";
import { world } from "../world.ts";

export default defineTool({
  name: "server_restart",
  description: "Restarts a server.",
  input: z.strictObject({ name: z.string().max(64) }),
  labels: ["act"],
  effect: "unsafe",
  timeoutMs: 1_000,
  outputLimit: 500,
  async run({ name }) {
    world.restarted.push(name);
    return `${name} is restarting.`;
  },
});
