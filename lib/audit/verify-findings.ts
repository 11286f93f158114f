/** What a verification finds wrong. */

/** One thing that is not as it was written. */
export interface Finding {
  readonly kind: keyof typeof kinds;
  readonly run?: string;
  /** The first bad row of the run. */
  readonly seq?: number;
  readonly checkpoint?: number;
  /** What is wrong with it, in words; nothing that people or agents said. */
  readonly text: string;
}

/** What each kind means, for a summary. */
export const kinds = {
  changed: "a row was changed",
  order: "rows were moved or rewritten",
  missing: "rows are missing in the middle",
  truncated: "the end of a chain is missing",
  added: "rows were added after the end",
  rebuilt: "a chain was rebuilt",
  deleted: "a whole run is missing",
  run: "a row of runs is not as the run began",
  orphan: "a chain without a row of runs",
  unsigned: "a run that ended is in no checkpoint",
  checkpoint: "a checkpoint is missing or was changed",
  signature: "a checkpoint has not the right signature",
  key: "a change of the gateway's key is missing or was not made by it",
  file: "the checkpoint file and the database differ",
} as const;

/** Counts findings and keeps the first ones. */
export class Findings {
  readonly first: Finding[] = [];
  readonly counts: Partial<Record<Finding["kind"], number>> = {};
  total = 0;
  readonly #most: number;

  constructor(most = 1_000) {
    this.#most = most;
  }

  add(finding: Finding): void {
    this.total += 1;
    this.counts[finding.kind] = (this.counts[finding.kind] ?? 0) + 1;
    if (this.first.length < this.#most) this.first.push(finding);
  }
}
