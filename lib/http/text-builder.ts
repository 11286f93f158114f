/**
 * Text put together from pieces, with white space as a browser would show it. In a list and not one string: to look at the
 * end of a string that grows copies it whole each time.
 */
export class TextBuilder {
  readonly #pieces: string[] = [];
  readonly #limit: number;
  #length = 0;
  /** How long it was after the last piece that is not all white space. */
  #solid = 0;
  /** The last two characters. */
  #tail = "";

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#length >= this.#limit;
  }

  /** Where the next piece will stand. */
  get mark(): number {
    return this.#length;
  }

  /** Whether only white space was said since a mark. */
  isBlankSince(mark: number): boolean {
    return this.#solid <= mark;
  }

  /** What was said since a mark; undefined where that is longer than `most`: it is asked for again and again. */
  since(mark: number, most: number): string | undefined {
    if (this.#length - mark > most) return undefined;
    let from = this.#pieces.length;
    for (let at = this.#length; at > mark; from--) at -= this.#pieces[from - 1]?.length ?? at;
    return this.#pieces.slice(from).join("");
  }

  /** As it is. */
  add(text: string): void {
    if (text === "" || this.full) return;
    this.#pieces.push(text);
    this.#length += text.length;
    if (/\S/.test(text)) this.#solid = this.#length;
    this.#tail = (this.#tail + text.slice(-2)).slice(-2);
  }

  /** Running text: white space is one space, and none at the start of a line. */
  addRunning(text: string): void {
    const line = text.replace(/\s+/g, " ");
    this.add(this.#tail === "" || /\s$/.test(this.#tail) ? line.replace(/^ /, "") : line);
  }

  /** Ends the line: with 2, leaves an empty one. Nothing where that is so already. */
  endLine(count: 1 | 2): void {
    if (this.#length === 0 || this.#tail === "\n\n") return;
    this.add("\n".repeat(this.#tail.endsWith("\n") ? count - 1 : count));
  }

  toString(): string {
    const lines = this.#pieces.join("").split("\n");
    const text = lines.map((line) => line.trimEnd()).join("\n");
    return text.replace(/\n{3,}/g, "\n\n").trim();
  }
}
