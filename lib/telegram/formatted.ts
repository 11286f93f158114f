import type { MessageEntity } from "grammy/types";

/** The entities we make. */
export type Entity =
  MessageEntity.CommonMessageEntity | MessageEntity.PreMessageEntity | MessageEntity.TextLinkMessageEntity;

/** Plain text with what is special about ranges of it, counted in UTF-16 units. */
export interface FormattedText {
  readonly text: string;
  readonly entities: readonly Entity[];
}

/** A whole answer, with the offsets at which a paragraph, list item, table or code block begins. */
export interface FormattedDocument extends FormattedText {
  readonly breaks: readonly number[];
}

export type Style = "bold" | "italic" | "strikethrough";

/** Builds formatted text from front to back, keeping Telegram's rules of nesting. */
export class FormattedBuilder {
  text = "";
  readonly entities: Entity[] = [];
  readonly breaks: number[] = [];
  readonly #styles = new Map<Style, { start: number; depth: number }>();
  // The label is kept beside the text: to slice it out would copy the whole text for every link.
  #link: { start: number; url: string | undefined; label: string } | undefined;

  append(text: string): void {
    this.text += text;
    if (this.#link) this.#link.label += text;
  }

  /** Begins a block of its own. */
  startBlock(separator: string): void {
    this.text += separator;
    this.breaks.push(this.text.length);
  }

  openStyle(style: Style): void {
    const open = this.#styles.get(style);
    if (open) open.depth += 1;
    else this.#styles.set(style, { start: this.text.length, depth: 1 });
  }

  closeStyle(style: Style): void {
    const open = this.#styles.get(style);
    if (!open || --open.depth > 0) return;
    this.#styles.delete(style);
    this.mark({ type: style, offset: open.start, length: this.text.length - open.start });
  }

  /** A link's label follows; without a URL it stays plain. */
  openLink(url: string | undefined): void {
    this.#link = { start: this.text.length, url, label: "" };
  }

  /** Ends the link and returns its label. */
  closeLink(): string {
    const link = this.#link;
    this.#link = undefined;
    if (!link) return "";
    // Telegram finds a bare address by itself.
    if (link.url !== undefined && link.url !== link.label)
      this.mark({ type: "text_link", url: link.url, offset: link.start, length: link.label.length });
    return link.label;
  }

  get inLink(): boolean {
    return this.#link !== undefined;
  }

  /** Code holds no other entity: open styles pause around it, and in a link the link wins. */
  code(text: string): void {
    if (this.inLink) return this.append(text);
    for (const [style, open] of this.#styles)
      this.mark({ type: style, offset: open.start, length: this.text.length - open.start });
    this.mark({ type: "code", offset: this.text.length, length: text.length });
    this.text += text;
    for (const open of this.#styles.values()) open.start = this.text.length;
  }

  /** A block of code. */
  pre(text: string, language: string): void {
    this.mark({ type: "pre", offset: this.text.length, length: text.length, ...(language !== "" && { language }) });
    this.text += text;
  }

  mark(entity: Entity): void {
    if (entity.length > 0) this.entities.push(entity);
  }

  finish(): FormattedDocument {
    return { text: this.text, entities: inOrder(this.entities), breaks: this.breaks };
  }
}

/** By offset, the enclosing one first. */
const inOrder = (entities: readonly Entity[]): Entity[] =>
  entities.toSorted((a, b) => a.offset - b.offset || b.length - a.length);
