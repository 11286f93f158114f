/** Where a run's untrusted words came from. Only ever added to: what was read cannot be unread. */

/** `forwarded`, `quoted`, `media`, `person:<principal>`, `tool:<name>`: a word without spaces. */
export type TaintSource = string;

/** The taint of one run; it travels with all that the run writes down, and into all that reads that. */
export class Taint {
  readonly #sources: Set<TaintSource>;

  constructor(sources: Iterable<TaintSource> = []) {
    this.#sources = new Set(sources);
  }

  add(sources: Iterable<TaintSource>): void {
    for (const source of sources) this.#sources.add(source);
  }

  /** In the order they came. Empty: nothing untrusted was read. */
  get sources(): readonly TaintSource[] {
    return [...this.#sources];
  }
}

/** As a column keeps it: space-separated, null where there is none. */
export const taintColumn = (sources: readonly TaintSource[]): string | null =>
  sources.length === 0 ? null : sources.join(" ");

/** The sources a column names. */
export const taintSources = (column: string | null | undefined): TaintSource[] =>
  column ? column.split(" ").filter((source) => source !== "") : [];
