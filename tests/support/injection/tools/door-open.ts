import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";
import { world } from "../world.ts";

export default defineTool({
  name: "door_open",
  description: "Opens the front door.",
  input: z.strictObject({}),
  labels: ["act"],
  effect: "unsafe",
  timeoutMs: 1_000,
  outputLimit: 500,
  async run() {
    world.doorsOpened += 1;
    return "The door is open.";
  },
});
