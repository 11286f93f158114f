/** Strings of strangers, as they may stand among our own words. */

/** One line, cut to `most` characters. */
export function oneLine(text: string, most: number): string {
  // What moves a terminal's cursor, or hides, is no part of a title.
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
}

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
