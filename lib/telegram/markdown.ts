import MarkdownIt, { type Token } from "markdown-it";
import { inertBlocks } from "../channel/inert-markdown.ts";
import type { LinkPolicy } from "../channel/links.ts";
import { FormattedBuilder, type FormattedDocument, type Style } from "./formatted.ts";
import { alignTable } from "./table.ts";

const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });

const styles = new Map<string, Style>([
  ["strong", "bold"],
  ["em", "italic"],
  ["s", "strikethrough"],
]);

/** Markdown as Telegram shows it: text and entities, so that nothing needs escaping and nothing can fail to parse. */
export function formatMarkdown(markdown: string, links?: LinkPolicy): FormattedDocument {
  const walk = new Walk();
  const blocks = parser.parse(markdown.toWellFormed(), {});
  walk.blocks(links ? inertBlocks(blocks, links) : blocks);
  return walk.out.finish();
}

interface List {
  next: number | undefined;
  readonly indent: string;
}

class Walk {
  readonly out = new FormattedBuilder();
  readonly #lists: List[] = [];
  /** Starts of open quotes; Telegram knows no quote in a quote, so the outer one counts. */
  readonly #quotes: number[] = [];
  /** The place of the next block is made already: beside its bullet, or at the start of its quote. */
  #placed: "bullet" | "quote" | undefined;

  blocks(tokens: readonly Token[]): void {
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index]!;
      if (token.type === "table_open") {
        const end = tokens.findIndex((other, at) => at > index && other.type === "table_close");
        this.#table(tokens.slice(index, end));
        index = end;
      } else this.#block(token);
    }
  }

  #block(token: Token): void {
    const { out } = this;
    switch (token.type) {
      case "paragraph_open":
        return this.#begin(token.hidden ? "\n" : "\n\n");
      case "heading_open":
        this.#begin("\n\n");
        return out.openStyle("bold");
      case "heading_close":
        return out.closeStyle("bold");
      case "inline":
        return this.inline(token.children ?? []);
      case "fence":
      case "code_block":
        return this.#code(token.content, /^[\w+#.-]{1,32}/.exec(token.info.trim())?.[0] ?? "");
      case "hr":
        this.#begin("\n\n");
        return out.append("———");
      case "bullet_list_open":
      case "ordered_list_open": {
        const start = Number(token.attrGet("start") ?? 1);
        const indent = "  ".repeat(this.#lists.length);
        this.#lists.push({ next: token.type === "ordered_list_open" ? start : undefined, indent });
        return this.#leaveRoom();
      }
      case "bullet_list_close":
      case "ordered_list_close":
        this.#lists.pop();
        return;
      case "list_item_open":
        return this.#item();
      case "list_item_close":
        this.#placed = undefined;
        return;
      case "blockquote_open":
        this.#begin("\n\n");
        this.#placed = "quote";
        this.#quotes.push(out.text.length);
        return;
      case "blockquote_close": {
        const start = this.#quotes.pop() ?? 0;
        this.#placed = undefined;
        if (this.#quotes.length === 0) out.mark({ type: "blockquote", offset: start, length: out.text.length - start });
        return;
      }
    }
  }

  /** A list after a paragraph stands apart from it, a list in an item does not. */
  #leaveRoom(): void {
    if (this.#lists.length === 1 && this.#placed === undefined && this.out.text !== "") this.out.append("\n");
  }

  #item(): void {
    const list = this.#lists.at(-1);
    this.#begin("\n", list?.indent);
    this.out.append(list?.next === undefined ? "• " : `${list.next++}. `);
    this.#placed = "bullet";
  }

  #begin(separator: "\n" | "\n\n", indent = "  ".repeat(this.#lists.length)): void {
    const placed = this.#placed;
    this.#placed = undefined;
    if (placed !== undefined) return;
    if (this.out.text !== "") this.out.startBlock(separator);
    this.out.append(indent);
  }

  #code(content: string, language: string): void {
    const code = content.replace(/\n+$/, "");
    if (code.trim() === "") return;
    if (this.#placed === "bullet") this.out.startBlock("\n");
    else this.#begin("\n\n", "");
    this.#placed = undefined;
    this.out.pre(code, language);
  }

  #table(tokens: readonly Token[]): void {
    const rows: string[][] = [];
    for (const token of tokens) {
      if (token.type === "tr_open") rows.push([]);
      else if (token.type === "inline") rows.at(-1)?.push(plain(token.children ?? []));
    }
    this.#code(alignTable(rows), "");
  }

  inline(tokens: readonly Token[]): void {
    const { out } = this;
    for (const token of tokens) {
      const style = styles.get(token.tag);
      if (style && token.nesting === 1) out.openStyle(style);
      else if (style && token.nesting === -1) out.closeStyle(style);
      else if (token.type === "link_open") this.#openLink(String(token.attrGet("href") ?? ""));
      else if (token.type === "link_close") this.#closeLink();
      else if (token.type === "image") this.#image(token);
      else if (token.type === "code_inline") out.code(token.content);
      else if (token.type === "softbreak" || token.type === "hardbreak")
        out.append("\n" + "  ".repeat(this.#lists.length));
      else out.append(token.content);
    }
  }

  /** Where the open link leads, if Telegram will not take it as a link. */
  #spelledOut: string | undefined;

  #openLink(href: string): void {
    this.#spelledOut = isLinkable(href) ? undefined : href.replace(/^mailto:/i, "");
    this.out.openLink(isLinkable(href) ? href : undefined);
  }

  #closeLink(): void {
    const label = this.out.closeLink();
    if (this.#spelledOut && this.#spelledOut !== label) this.out.append(` (${this.#spelledOut})`);
    this.#spelledOut = undefined;
  }

  #image(token: Token): void {
    const source = String(token.attrGet("src") ?? "");
    const label = token.content || source;
    if (this.out.inLink) return this.out.append(label);
    this.#openLink(source);
    this.out.append(label);
    this.#closeLink();
  }
}

function plain(tokens: readonly Token[]): string {
  const walk = new Walk();
  walk.inline(tokens);
  return walk.out.text.replace(/\s+/g, " ").trim();
}

/** What Telegram makes a link of. It finds mail addresses by itself, and would take `mailto:` for a host's name. */
const isLinkable = (href: string): boolean =>
  href.length <= 2048 && /^(https?|tg):\/\/[^\s]+$/i.test(href) && URL.canParse(href);
