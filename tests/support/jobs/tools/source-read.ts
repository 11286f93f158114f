import { z } from "zod";
import { defineTool } from "../../../../lib/tools/define.ts";
import { ClawError } from "../../../../lib/errors.ts";

/** Reads what a stand-in source has. */
export default defineTool({
  name: "source_read",
  description: "Reads a source.",
  input: z.strictObject({ url: z.string() }),
  labels: ["untrusted"],
  effect: "idempotent",
  timeoutMs: 5_000,
  outputLimit: 20_000,
  async run({ url }, { signal }) {
    const answer = await fetch(`${url}/items`, { signal });
    if (!answer.ok) throw new ClawError("fetch_failed", `the source answered ${answer.status}`);
    const items = (await answer.json()) as { id: number; title: string }[];
    return { text: items.map(({ id, title }) => `[${id}] ${title}`).join("\n"), data: { items, url } };
  },
});
