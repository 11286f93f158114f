/** Links written by code into Markdown, of words and addresses that strangers chose. */
import MarkdownIt from "markdown-it";
import { findLinks, targetHost } from "./inert.ts";
import { type LinkPolicy, noLinks } from "./links.ts";

const markdownIt = new MarkdownIt();
const anywhere: LinkPolicy = { allows: () => true };

/** An address as a renderer finds it in Markdown, so that it can be compared; undefined: nothing that a link could lead to. */
export function linkTarget(url: string): string | undefined {
  const target = markdownIt.normalizeLink(url.trim());
  return target.length <= longestTarget && targetHost(target, anywhere) !== undefined ? target : undefined;
}

/** Telegram takes no longer ones. */
const longestTarget = 2_000;

/** Words as Markdown that shows just them. They must not begin a line. */
export const escapeMarkdown = (words: string): string =>
  words.replaceAll(/[\\`*_[\]<>~|]/g, "\\$&").replaceAll(/&(?=#?\w+;)/g, "&amp;");

/** Words of Markdown linked to a target (by `linkTarget`). */
export const linked = (words: string, target: string): string =>
  `[${words}](<${target.replaceAll(/&(?=#?\w+;)/g, "&amp;")}>)`;

/**
 * A title linked to its target (by `linkTarget`), with its host behind it. Where the title looks like an address itself, the
 * link is beside it: a title must not pass for the place it leads to.
 */
export function titleLink(title: string, target: string): string {
  const { hostname } = new URL(target);
  const host = `\`${hostname.replace(/^www\./, "")}\``;
  const words = escapeMarkdown(title);
  return title === "" || findLinks(title, noLinks).length > 0
    ? `${words} ${linked("open", target)} ${host}`.trimStart()
    : `${linked(words, target)} ${host}`;
}
