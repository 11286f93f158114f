/** What the feeds brought since the last digest, by theme; marked as read once it is delivered. */
import type { JobFunction, Reading } from "../../lib/agent/job-function.ts";
import { escapeMarkdown, linkTarget, titleLink } from "../../lib/channel/markdown-link.ts";
import { jobMessages, sourceText, type SourceText } from "./instructions.ts";
import { jobMessage, noSources, plainSources, tidied } from "./message.ts";
import { dataOf, type Entry, readingOf } from "./readings.ts";
import { withReferences } from "./references.ts";
import { oneLine } from "../../lib/one-line.ts";
import { dayName, shortDay } from "../../lib/time/names.ts";

/** The most entries of one digest; the service's `max_entries` may be less. */
const limit = 100;
/** An entry that reaches Miniflux so long after its date is not missed. What an earlier digest had is read by then. */
const lateMs = 2 * 86_400_000;
/** The most that are listed where the model named none. */
const mostListed = 30;

/** Unread entries since the last digest: the model groups and ranks them, and names them by number; code makes the links. */
export const digest: JobFunction = {
  own: ["feeds_unread", "feeds_mark_read"],

  sources: ({ previous }) => {
    const since = new Date(previous.getTime() - lateMs).toISOString();
    return [{ tool: "feeds_unread", args: { since, limit }, title: "Feeds" }];
  },

  compose(context, readings) {
    const sources = numbered(readingOf(readings, "feeds_unread"));
    if (sources.length === 0) return undefined;
    const what =
      `Write a digest of what the feeds brought since ${dayName(context.previous, context.timezone)}. Group the entries ` +
      "by theme, the most important theme and entry first: a bold line for each theme, below it a list with what is new " +
      "and why it matters, one line an entry. Leave out what is of no interest.";
    const how =
      "Begin an entry's line with its number in brackets, as in [12]: it becomes its title and link. Write neither titles nor addresses yourself.";
    return jobMessages(context, { what, how }, sources);
  },

  finish(context, readings, text) {
    const reading = readingOf(readings, "feeds_unread");
    const data = dataOf("feeds_unread", reading);
    if (!data) {
      const state = reading?.state ?? "absent";
      const body =
        state === "read" ? (text?.trim() ? tidied(text) : plainSources(readings)) : state === "absent" ? noSources : "";
      return jobMessage(context, readings, body);
    }
    const { entries, total } = data;
    if (entries.length === 0)
      return jobMessage(
        context,
        readings,
        `Nothing new in the feeds since ${dayName(context.previous, context.timezone)}.`,
      );
    const links = entries.map(linkOf);
    const words = withReferences(tidied(text ?? ""), (number) => links[number - 1]);
    const more = total > entries.length ? `… and ${total - entries.length} more are unread.` : "";
    const listed = words.found.size > 0 ? "" : list(links);
    return jobMessage(context, readings, [words.text.trim(), listed, more].filter((part) => part !== "").join("\n\n"));
  },

  links: (readings) => entriesOf(readings).flatMap(({ url }) => (url === undefined ? [] : (linkTarget(url) ?? []))),

  after(_context, readings) {
    const ids = [...new Set(entriesOf(readings).map(({ id }) => id))];
    return ids.length === 0 ? [] : [{ tool: "feeds_mark_read", args: { ids }, title: "Mark as read" }];
  },
};

const entriesOf = (readings: readonly Reading[]): readonly Entry[] =>
  dataOf("feeds_unread", readingOf(readings, "feeds_unread"))?.entries ?? [];

/** The entries with their numbers, or the tool's own words where its data is strange. */
function numbered(reading: Reading | undefined): SourceText[] {
  if (reading?.state !== "read") return [];
  const data = dataOf("feeds_unread", reading);
  if (!data) return reading.text.trim() === "" ? [] : [sourceText(reading)];
  if (data.entries.length === 0) return [];
  const text = data.entries.map((entry, at) => {
    const { title, feed, category, published, text: content } = entry;
    const day = /^\d{4}-\d\d-\d\d(?=T)/.exec(published)?.[0];
    const from = [feed, category, day === undefined ? "" : shortDay(day)];
    // What is inside the content cannot pass for another entry's number.
    const inside = content.trim().replaceAll(/\[(\d+)\]/g, "($1)");
    return `[${at + 1}] ${oneLine(title, 300)}\n${from
      .map((part) => oneLine(part, 100))
      .filter(Boolean)
      .join(" · ")}\n${inside}`;
  });
  return [{ title: reading.call.title, text: text.join("\n\n") }];
}

function linkOf({ title, url, feed }: Entry): string {
  const target = url === undefined ? undefined : linkTarget(url);
  const words = oneLine(title, 120);
  return target === undefined
    ? `**${escapeMarkdown(words || oneLine(feed, 80) || "Untitled")}**`
    : titleLink(words, target);
}

function list(links: readonly string[]): string {
  const shown = links.slice(0, mostListed).map((link) => `- ${link}`);
  return [...shown, ...(links.length > mostListed ? [`- … and ${links.length - mostListed} more`] : [])].join("\n");
}
