/** Markdown to org.matrix.custom.html: what the spec allows ("m.room.message msgtypes") and no image. */
import MarkdownIt from "markdown-it";
import sanitizeHtml from "sanitize-html";
import { inertBlocks } from "../channel/inert-markdown.ts";
import type { LinkPolicy } from "../channel/links.ts";

const markdownIt = new MarkdownIt({ html: false, linkify: false, breaks: true });

// An image in an answer would be fetched without a click, or needs to be on a homeserver: it becomes a link.
markdownIt.renderer.rules["image"] = (tokens, index, _options, _env, self) => {
  const token = tokens[index];
  const source = String(token?.attrGet("src") ?? "");
  const label = self.renderInlineAsText(token?.children ?? [], markdownIt.options, {}) || source;
  const { escapeHtml } = markdownIt.utils;
  return `<a href="${escapeHtml(source)}">${escapeHtml(label)}</a>`;
};

const tags =
  "del s h1 h2 h3 h4 h5 h6 blockquote p a ul ol li b i u strong em code hr br table thead tbody tr th td pre";

const allowed: sanitizeHtml.IOptions = {
  allowedTags: tags.split(" "),
  allowedAttributes: { a: ["href"], ol: ["start"], code: ["class"] },
  allowedClasses: { code: ["language-*"] },
  allowedSchemes: ["http", "https", "mailto"],
  allowedSchemesAppliedToAttributes: ["href"],
  allowProtocolRelative: false,
  disallowedTagsMode: "discard",
};

/** The HTML of markdown; whatever it says, only harmless tags and links come out, and of those the ones `links` allows. */
export function toHtml(markdown: string, links?: LinkPolicy): string {
  const parsed = markdownIt.parse(markdown, {});
  const blocks = links ? inertBlocks(parsed, links) : parsed;
  return sanitize(markdownIt.renderer.render(blocks, markdownIt.options, {})).trim();
}

/** Drops every tag, attribute and link that is not allowed. */
export const sanitize = (html: string): string => sanitizeHtml(html, allowed);
