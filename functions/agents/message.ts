/** The message of a job around its words: its title above, what could not be read below. The same for all of them. */
import type { JobContext, Reading } from "../../lib/agent/job-function.ts";
import { escapeMarkdown } from "../../lib/channel/markdown-link.ts";
import { failedCalendars } from "./readings.ts";
import { oneLine } from "../../lib/one-line.ts";
import { dayName } from "../../lib/time/names.ts";

/** A whole message. `body` may be empty where there are failures to tell of. */
export const jobMessage = (context: JobContext, readings: readonly Reading[], body: string): string =>
  [titleOf(context), body.trim(), failuresOf(readings).join("\n")].filter((part) => part !== "").join("\n\n");

const titleOf = ({ name, slot, timezone }: JobContext): string =>
  `**${dayName(slot, timezone)}** · ${name.replaceAll("-", " ")}`;

const longestReason = 300;

/** A line for each source that failed, and for each calendar that failed alone. */
function failuresOf(readings: readonly Reading[]): string[] {
  const failed = readings
    .filter(({ state }) => state === "failed")
    .map(({ call, text }) => ({ title: call.title, reason: text }));
  const calendars = failedCalendars(readings).map(({ calendar, reason }) => ({
    title: `Calendar "${calendar}"`,
    reason,
  }));
  return [...failed, ...calendars].map(({ title, reason }) => {
    const why = escapeMarkdown(oneLine(reason, longestReason));
    return `⚠ ${escapeMarkdown(oneLine(title, 80))} could not be read${why === "" ? "." : `: ${why}`}`;
  });
}

/** What is said where no source was to be read. */
export const noSources = "None of this job's sources is set up, or its `tools` leave them out.";

const longestText = 3_000;

/** Readings as their tools worded them: what is sent where the model wrote nothing. */
export const plainSources = (readings: readonly Reading[]): string =>
  readings
    .filter(({ state, text }) => state === "read" && text.trim() !== "")
    .map(({ call, text }) => `**${escapeMarkdown(call.title)}**\n\n${cut(text.trim())}`)
    .join("\n\n");

function cut(text: string): string {
  if (text.length <= longestText) return text;
  return `${text.slice(0, text.lastIndexOf("\n", longestText)).slice(0, longestText).toWellFormed()}\n\n… (cut)`;
}

/** What sources with nothing in them said of it, in one paragraph. */
export function quietLine(readings: readonly Reading[]): string {
  const read = readings.filter(({ state }) => state === "read");
  if (read.length === 0) return readings.some(({ state }) => state === "failed") ? "" : noSources;
  const said = read.map(({ text }) => sentence(escapeMarkdown(oneLine(text, 300)))).filter((line) => line !== "");
  const whole = readings.every(({ state }) => state !== "failed") && failedCalendars(readings).length === 0;
  return [...(whole ? ["All quiet."] : []), ...said].join(" ");
}

const sentence = (text: string): string => (text === "" || /[.!?…]$/.test(text) ? text : `${text}.`);

/**
 * A model's Markdown without what it was told to leave out and phones show badly: a fence around it all, headings. A bold lead
 * right behind a list is a line of its own, as it was meant, and no part of the last item.
 */
export function tidied(text: string): string {
  const [, inner] = /^\s*```(?:markdown|md)?\n([\s\S]*?)\n```\s*$/.exec(text) ?? [];
  let fenced = false;
  let inList = false;
  return (inner ?? text)
    .trim()
    .split("\n")
    .flatMap((line) => {
      if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
      if (fenced) return [line];
      const [, heading] = /^ {0,3}#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
      const lead = heading ? `**${heading.replaceAll("**", "")}**` : (heading ?? line);
      const apart = inList && lead.startsWith("**");
      inList = /^\s*(?:[-*+]|\d+[.)]) /.test(line) || (inList && !apart && line.trim() !== "");
      return apart ? ["", lead] : [lead];
    })
    .join("\n");
}
