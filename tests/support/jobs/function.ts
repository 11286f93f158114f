/** Loaded where a test's gateway runs: stands in for `report`, with something to do after delivery and links of its own. */
import { jobFunctions } from "../../../functions/agents/index.ts";
import type { JobFunction, Reading } from "../../../lib/agent/job-function.ts";

interface Item {
  readonly id: number;
  readonly title: string;
  readonly link?: string;
}

const dataOf = ({ data }: Reading): { items: readonly Item[]; url: string } =>
  (data as { items: readonly Item[]; url: string } | undefined) ?? { items: [], url: "" };

const itemsOf = (readings: readonly Reading[]): Item[] =>
  readings.filter(({ state }) => state === "read").flatMap((reading) => dataOf(reading).items);

const standIn: JobFunction = {
  own: ["source_mark"],
  sources: ({ sources }) => sources,
  compose: ({ agent, slot, previous }, readings) =>
    itemsOf(readings).length === 0
      ? undefined
      : [
          { role: "system", text: agent.prompt },
          {
            role: "user",
            text: `${slot.toISOString()} since ${previous.toISOString()}:\n${readings.map(({ text }) => text).join("\n")}`,
          },
        ],
  finish(_, readings, text) {
    if (itemsOf(readings).some(({ title }) => title === "bug")) throw new Error("a bug");
    const failed = readings.filter(({ state }) => state === "failed");
    return [text ?? "Nothing new.", ...failed.map((each) => `${each.call.title} failed: ${each.text}`)].join("\n\n");
  },
  links: (readings) => itemsOf(readings).flatMap(({ link }) => link ?? []),
  after: (_, readings) =>
    readings.flatMap((reading) => {
      const { items, url } = dataOf(reading);
      const ids = items.map(({ id }) => id);
      return ids.length === 0 ? [] : [{ tool: "source_mark", args: { url, ids }, title: "Mark" }];
    }),
};

(jobFunctions as Map<string, JobFunction>).set("report", standIn);
