import { z } from "zod";
import { defineTool, type Label } from "../../../../lib/tools/define.ts";
import { world } from "../world.ts";

/** A tool that reads something harmless, and what the world has put beside it. */
export const source = (name: string, description: string, labels: readonly Label[]) =>
  defineTool({
    name,
    description,
    input: z.strictObject({}),
    labels,
    effect: "idempotent",
    timeoutMs: 1_000,
    outputLimit: 20_000,
    run: async () => `1. Harmless\n2. ${world.poison}`,
  });
