/** Reply fallbacks: clients used to copy the quoted message in front of a reply (spec v1.12: "Fallbacks for rich replies"). */

/** A reply's own words and the words it quotes. */
export interface Unquoted {
  readonly text: string;
  readonly quoted: string | undefined;
}

const opening = /^> (?:\* )?<@[^>\n]{1,255}> ?/;

/** Parts the plain fallback from the reply; a quotation the person wrote themselves is left. */
export function splitFallback(body: string): Unquoted {
  if (!opening.test(body)) return { text: body, quoted: undefined };
  const lines = body.split("\n");
  const end = lines.findIndex((line) => !line.startsWith(">"));
  const quotation = end === -1 ? lines : lines.slice(0, end);
  const rest = end === -1 ? [] : lines.slice(lines[end] === "" ? end + 1 : end);
  const quoted = quotation.join("\n").replace(opening, "> ").replace(/^> ?/gm, "").trim();
  return { text: rest.join("\n"), quoted: quoted === "" ? undefined : quoted };
}

/** Drops `<mx-reply>` and what it holds; an unclosed one takes the rest with it. */
export function withoutHtmlFallback(html: string): string {
  const start = html.indexOf("<mx-reply>");
  if (start === -1) return html;
  const end = html.indexOf("</mx-reply>", start);
  return html.slice(0, start) + (end === -1 ? "" : html.slice(end + "</mx-reply>".length));
}
