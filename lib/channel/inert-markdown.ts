/** Markdown of which only allowed links stay links, before a channel makes its own of it: the same for all channels. */
import MarkdownIt, { type Token } from "markdown-it";
import { asCode, defanged, type Found, findLinks, targetHost, withoutOverrides } from "./inert.ts";
import type { LinkPolicy } from "./links.ts";

/** Parsed blocks in which links that are not allowed are words and code. Code blocks stay: clients make no links there. */
export const inertBlocks = (tokens: readonly Token[], links: LinkPolicy): Token[] =>
  tokens.map((token) => {
    if (token.type !== "inline") return token;
    const inline = Object.assign(make("inline", token.content), token);
    inline.children = inertInline(token.children ?? [], links);
    return inline;
  });

function make(type: string, content: string, tag = "", nesting: -1 | 0 | 1 = 0): Token {
  const token = new MarkdownIt.Token(type, tag, nesting);
  token.content = content;
  return token;
}

/** A link with its label, from its opening to its closing token. */
interface Link {
  readonly href: string;
  /** Where the label stands in the line's text. */
  readonly start: number;
  readonly end: number;
}

/** A line's tokens, each with where its words begin in the line's text. */
interface Line {
  readonly tokens: readonly { readonly token: Token; readonly start: number; readonly link: Link | undefined }[];
  readonly text: string;
}

function inertInline(children: readonly Token[], links: LinkPolicy): Token[] {
  const { tokens, text } = lineOf(withoutImages(children));
  const found = findLinks(text, links);
  const kept = new Set(
    tokens.flatMap(({ token, link }) =>
      link && token.type === "link_open" && isKept(link, text, found, links) ? [link] : [],
    ),
  );
  const out: Token[] = [];
  for (const { token, start, link } of tokens) {
    if (token.type === "link_open") {
      if (link && kept.has(link)) out.push(token);
    } else if (token.type === "link_close") {
      if (link && kept.has(link)) out.push(token);
      else if (link) out.push(...spelledOut(link, text));
    } else if (token.type === "text" || token.type === "code_inline") {
      out.push(...inertPiece(token, start, found));
    } else out.push(token);
  }
  return out;
}

/** What is said of an image is said; where it is allowed, it is a link to it. */
function withoutImages(children: readonly Token[]): Token[] {
  let depth = 0;
  return children.flatMap((token) => {
    depth += token.type === "link_open" ? 1 : token.type === "link_close" ? -1 : 0;
    if (token.type !== "image") return [token];
    const source = String(token.attrGet("src") ?? "");
    const said = wordsOf(token.children ?? []).trim();
    if (depth > 0) return [make("text", said || "image")];
    const open = make("link_open", "", "a", 1);
    open.attrSet("href", source);
    return [open, make("text", said || source), make("link_close", "", "a", -1)];
  });
}

const wordsOf = (tokens: readonly Token[]): string =>
  tokens.map(({ type, content, children }) => (type === "image" ? wordsOf(children ?? []) : content)).join("");

function lineOf(children: readonly Token[]): Line {
  let text = "";
  const open: { href: string; start: number; end: number }[] = [];
  const tokens = children.map((given) => {
    const token = given.type === "text" ? make("text", withoutOverrides(given.content)) : given;
    const start = text.length;
    if (token.type === "link_open") open.push({ href: String(token.attrGet("href") ?? ""), start, end: start });
    const link = token.type === "link_close" ? open.pop() : open.at(-1);
    if (token.type === "link_close" && link) link.end = start;
    if (token.type === "softbreak" || token.type === "hardbreak") text += "\n";
    else text += token.content;
    return { token, start, link };
  });
  return { tokens, text };
}

/** A link stays where its target is allowed and its label names no other. */
function isKept({ href, start, end }: Link, text: string, found: readonly Found[], links: LinkPolicy): boolean {
  const host = targetHost(href, links);
  if (host === undefined || text.slice(start, end).trim() === "") return false;
  return found
    .filter((each) => each.start < end && each.end > start)
    .every((each) => each.host === host && each.start >= start && each.end <= end);
}

/** Where a link leads, behind its label; nothing where the label says so. */
function spelledOut({ href, start, end }: Link, text: string): Token[] {
  const label = text.slice(start, end).trim();
  if (href === "" || href === label || href === `mailto:${label}`) return [];
  const target = make("code_inline", defanged(href), "code");
  return label === "" ? [target] : [make("text", " ("), target, make("text", ")")];
}

/** The part of a line's text that a token holds, with what was found in it as code; the code stands where it begins. */
function inertPiece(token: Token, start: number, found: readonly Found[]): Token[] {
  const end = start + token.content.length;
  const out: Token[] = [];
  const add = (from: number, to: number): void => {
    if (to <= from) return;
    const content = token.content.slice(from - start, to - start);
    out.push(make(token.type, content, token.tag));
  };
  let done = start;
  for (const each of found) {
    if (each.end <= start || each.start >= end) continue;
    const within = each.start >= start && each.end <= end;
    if (within && (each.host !== undefined || token.type === "code_inline")) continue;
    add(done, each.start);
    if (each.start >= start) out.push(make("code_inline", asCode(each), "code"));
    done = Math.min(each.end, end);
  }
  add(done, end);
  return out;
}
