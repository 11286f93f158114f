/** Any job by config alone: its `sources`, and its `prompt`. */
import type { JobFunction, Reading } from "../../lib/agent/job-function.ts";
import { linkTarget } from "../../lib/channel/markdown-link.ts";
import { jobMessages, sourceText } from "./instructions.ts";
import { jobMessage, plainSources, quietLine, tidied } from "./message.ts";
import { failedCalendars, isEmpty } from "./readings.ts";

/** Reads what the config lists, and has the agent write what the prompt says; without sources it is asked all the same. */
export const report: JobFunction = {
  own: [],

  sources: ({ sources }) => sources,

  compose(context, readings) {
    if (context.sources.length > 0 && !readings.some(hasNews)) return undefined;
    const what = "Report what is new in the sources, the most important first.";
    return jobMessages(context, { what }, readings.filter(({ state }) => state !== "absent").map(sourceText));
  },

  finish(context, readings, text) {
    if (text?.trim()) return jobMessage(context, readings, tidied(text));
    const nothing = context.sources.length === 0 ? "There is nothing to report." : quietLine(readings);
    return jobMessage(context, readings, readings.some(hasNews) ? plainSources(readings) : nothing);
  },

  /** Where the items of a source's lists lead. */
  links: (readings) =>
    readings
      .filter(({ state }) => state === "read")
      .flatMap(({ data }) => Object.values(tableOf(data)))
      .flatMap((list): unknown[] => (Array.isArray(list) ? list : []))
      .flatMap((item) => linkOf(tableOf(item)["url"])),

  isPartial: (readings) => failedCalendars(readings).length > 0,
};

const hasNews = (reading: Reading): boolean => reading.state === "read" && !isEmpty(reading);

const linkOf = (url: unknown): string[] => {
  const target = typeof url === "string" ? linkTarget(url) : undefined;
  return target === undefined ? [] : [target];
};

/** The properties of what is an object; of anything else none. */
const tableOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};
