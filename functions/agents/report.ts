import type { JobFunction } from "../../lib/agent/job-function.ts";

/** What the config's `prompt` and `sources` say. */
export const report: JobFunction = {
  own: [],
  sources: ({ sources }) => sources,
  compose({ agent, prompt }, readings) {
    const read = readings.filter(({ state, text }) => state === "read" && text !== "");
    if (read.length === 0) return undefined;
    return [
      { role: "system", text: `${agent.prompt}\n\n${prompt ?? ""}` },
      { role: "user", text: read.map(({ call, text }) => `${call.title}:\n${text}`).join("\n\n") },
    ];
  },
  finish(_, readings, text) {
    const failed = readings.filter(({ state }) => state === "failed");
    const lines = failed.map((reading) => `⚠ ${reading.call.title} could not be read: ${reading.text}`);
    return [text ?? (failed.length === 0 ? "Nothing to report." : ""), ...lines]
      .filter((line) => line !== "")
      .join("\n\n");
  },
};
