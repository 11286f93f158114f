/** Strings of strangers, as they may stand among our own words. */
import { z } from "zod";

/** No list is read further: to look at a million of what nobody can use takes seconds of everybody's time. */
export const mostElements = 20_000;

/** A point in time however a service writes it, as ISO 8601 in UTC. */
export const instant = z.string().transform((text, context) => {
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  context.addIssue("must be a date");
  return z.NEVER;
});

/** The URL as written where it is one of the web and of a usual length; otherwise undefined. */
export function webUrl(text: string): string | undefined {
  const url = text.length <= 2_000 ? URL.parse(text) : null;
  return url?.protocol === "https:" || url?.protocol === "http:" ? text : undefined;
}

/** Text of HTML, its links whole by `base`. */
export async function textOfHtml(html: string, base: string): Promise<string> {
  if (html.trim() === "") return "";
  const { readHtml } = await import("../http/html.ts");
  return readHtml(html.slice(0, maxHtml), new URL(base)).text;
}

/** No text is read further: one of several must not take a second of everybody's time. */
const maxHtml = 200_000;
