/** HTML to what a person would read of it, in a spare kind of markdown. Loaded on first use. */
import { Parser } from "htmlparser2";
import { TextBuilder } from "./text-builder.ts";

export interface Page {
  /** One line; empty where there is none. */
  readonly title: string;
  readonly text: string;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** Not text, or not shown. */
const dropped = words(
  "script style noscript template svg math iframe frame object embed canvas audio video select datalist textarea",
);
const blocks = words(
  "p div section article header footer main nav aside address figure figcaption form fieldset details summary dl dt dd " +
    "ul ol table caption blockquote h1 h2 h3 h4 h5 h6 pre hr dialog body",
);
/** Characters without a shape: tags, marks of direction, zero-width ones. */
const invisible = /[\u{E0000}-\u{E007F}\p{Bidi_Control}\u200B\u2060\uFEFF\u00AD]/gu;

// A hostile page must not cost more than its size: links grow by their base, and each end tag is looked for in all open ones.
const maxText = 2_000_000;
const maxDepth = 2_000;
const maxUrl = 2_000;
const chunk = 16_384;

type Attributes = Readonly<Record<string, string | undefined>>;

/** The text of a page: headings, lists and links kept as `text (url)`, everything hidden left out. `base` makes links whole. */
export function readHtml(html: string, base: URL): Page {
  const reader = new Reader(base);
  const parser = new Parser({
    onopentag: (name, attributes) => reader.open(name, attributes),
    ontext: (text) => reader.say(text),
    onclosetag: (name) => reader.close(name),
  });
  let at = 0;
  for (; at < html.length && !reader.enough; at += chunk) parser.write(html.slice(at, at + chunk));
  if (!reader.enough) parser.end();
  return reader.finish();
}

class Reader {
  readonly #out = new TextBuilder(maxText);
  readonly #links: { readonly url: string; readonly mark: number }[] = [];
  #base: URL;
  #title = "";
  #depth = 0;
  /** How deep what is not shown is open; 0: all is shown. */
  #hidden = 0;
  #inTitle = false;
  #preformatted = 0;

  constructor(base: URL) {
    this.#base = base;
  }

  get enough(): boolean {
    return this.#out.full || this.#depth > maxDepth;
  }

  open(name: string, attributes: Attributes): void {
    this.#depth++;
    if (this.#hidden > 0 || dropped.has(name) || isHidden(attributes)) {
      this.#hidden++;
      return;
    }
    const out = this.#out;
    if (blocks.has(name)) out.endLine(2);
    switch (name) {
      case "title":
        this.#inTitle = true;
        return;
      case "base":
        this.#base = URL.parse(attributes["href"] ?? "", this.#base.href) ?? this.#base;
        return;
      case "a":
        this.#links.push({ url: this.#whole(attributes["href"]), mark: out.mark });
        return;
      case "img":
        return this.#image(attributes);
      case "br":
      case "tr":
        return out.endLine(1);
      case "li":
        out.endLine(1);
        return out.add("- ");
      case "hr":
        return out.add("---");
      case "pre":
        this.#preformatted++;
        return;
    }
    if (/^h[1-6]$/.test(name)) out.add(`${"#".repeat(Number(name[1]))} `);
  }

  say(text: string): void {
    if (this.#hidden > 0) return;
    const shown = text.replace(invisible, "");
    if (this.#inTitle) this.#title += shown;
    else if (this.#preformatted > 0) this.#out.add(shown);
    else this.#out.addRunning(shown);
  }

  close(name: string): void {
    this.#depth--;
    if (this.#hidden > 0) {
      this.#hidden--;
      return;
    }
    if (name === "title") this.#inTitle = false;
    if (name === "a") this.#closeLink();
    if (name === "td" || name === "th") this.#out.add(" | ");
    if (name === "pre" && this.#preformatted > 0) this.#preformatted--;
    if (blocks.has(name)) this.#out.endLine(2);
  }

  finish(): Page {
    const cut = this.enough ? "\n\n[the rest of the page was left out]" : "";
    return { title: this.#title.replace(/\s+/g, " ").trim().slice(0, 300), text: `${this.#out.toString()}${cut}` };
  }

  #closeLink(): void {
    const { url = "", mark = 0 } = this.#links.pop() ?? {};
    if (url === "" || this.#out.isBlankSince(mark)) return;
    if (this.#out.since(mark, 2 * maxUrl)?.trim() !== url) this.#out.addRunning(` (${url})`);
  }

  #image({ src, alt = "" }: Attributes): void {
    const url = this.#whole(src);
    if (alt.trim() !== "") this.say(` [image: ${alt}]${url === "" ? "" : ` (${url})`} `);
  }

  /** A link that could be fetched, whole; empty for places on the page, `javascript:`, `mailto:` and the like. */
  #whole(reference: string | undefined): string {
    if (reference === undefined || reference.startsWith("#")) return "";
    const url = URL.parse(reference, this.#base.href);
    return url?.protocol === "https:" || url?.protocol === "http:" ? url.href.slice(0, maxUrl) : "";
  }
}

/** Shown to nobody, but read by a model: where instructions to it are hidden. */
function isHidden({ hidden, style = "", ...attributes }: Attributes): boolean {
  if (hidden !== undefined || attributes["aria-hidden"] === "true") return true;
  return style
    .slice(0, 2_000)
    .toLowerCase()
    .split(";")
    .some((declaration) => {
      const [property = "", value = ""] = declaration.split(":").map((part) => part.replace("!important", "").trim());
      if (property === "display") return value === "none";
      if (property === "visibility") return value === "hidden" || value === "collapse";
      return (property === "opacity" || property === "font-size") && Number.parseFloat(value) === 0;
    });
}
