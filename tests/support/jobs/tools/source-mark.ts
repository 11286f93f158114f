import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";

/** Marks what was delivered. */
export default defineTool({
  name: "source_mark",
  description: "Marks items of a source as read.",
  input: z.strictObject({ url: z.string(), ids: z.array(z.int()) }),
  labels: ["act"],
  effect: "idempotent",
  timeoutMs: 5_000,
  outputLimit: 1_000,
  async run({ url, ids }, { signal }) {
    const answer = await fetch(`${url}/mark?ids=${ids.join(",")}`, { method: "POST", signal });
    if (!answer.ok) throw new Error(`the source answered ${answer.status}`);
    return "Marked.";
  },
});
