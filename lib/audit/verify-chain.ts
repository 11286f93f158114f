/** One run's chain, row by row: what is wrong with it first. */
import { linkHash, noHash } from "../ledger/journal-row.ts";
import { canonicalRow, placeOf } from "./verify-columns.ts";
import type { CopiedRow } from "./verify-copy.ts";
import type { Finding } from "./verify-findings.ts";
import type { Head } from "./heads.ts";

/** What a row of `runs` says of a run, under the names of the journal's columns; and what a verifier must know besides. */
export interface RunFacts {
  readonly state: string;
  readonly finishedAt: Date | null;
  readonly checkpoint: number | null;
  readonly conversation_id: string;
  readonly agent_name: string;
  readonly principal: string;
  readonly trigger: string;
  readonly job: string | null;
  readonly policy_hash: string;
  readonly prompt_hash: string;
}

const [seqAt, typeAt, payloadAt, previousAt, hashAt] = (["seq", "type", "payload", "prev_hash", "hash"] as const).map(
  placeOf,
) as [number, number, number, number, number];

const begunAs = ["conversation_id", "agent_name", "principal", "trigger", "job", "policy_hash", "prompt_hash"] as const;
const begunPlaces = begunAs.map((column) => ({ column, place: placeOf(column) }));

/** The chain of one run while its rows are read. */
export class VerifiedChain {
  readonly run: string;
  readonly #head: Head | undefined;
  readonly #facts: RunFacts | undefined;
  /** The hash the last row has. */
  #hash: Uint8Array = noHash;
  #rows = 0;
  #last = "";
  #broken: Finding | undefined;
  #beginning: Finding | undefined;

  constructor(run: string, head: Head | undefined, facts: RunFacts | undefined) {
    this.run = run;
    this.#head = head;
    this.#facts = facts;
  }

  /** Takes the next row. What follows on a fault is not looked at: it hangs on what is broken. */
  add(row: CopiedRow): void {
    if (this.#broken) return;
    const { bytes, starts, lengths } = row;
    const cell = (place: number): Buffer =>
      bytes.subarray(starts[place] ?? 0, (starts[place] ?? 0) + Math.max(0, lengths[place] ?? 0));
    const seq = bytes.readInt32BE(starts[seqAt] ?? 0);
    if (seq !== this.#rows) return this.#gap(seq);
    const hash = cell(hashAt);
    const follows = cell(previousAt).equals(this.#hash);
    const payload = lengths[payloadAt] === -1 ? undefined : cell(payloadAt);
    const whole = linkHash(this.#hash, canonicalRow(row), payload).equals(hash);
    if (!whole && !follows)
      return this.#fault("order", seq, "does not follow on the row before it: one of the two was moved or rewritten");
    if (!whole) return this.#fault("changed", seq, "was changed: its hash is another");
    if (!follows) return this.#fault("changed", seq, "was changed: it names another row before it");
    if (seq === this.#head?.rows) {
      if (Buffer.compare(this.#head.hash, this.#hash) !== 0) this.#broken = this.#rebuilt();
      else this.#fault("added", seq, "was added after the run had ended and was signed");
      return;
    }
    this.#last = cell(typeAt).toString("utf8");
    if (this.#last === "run.started" && seq === 0)
      this.#compareBeginning((place) => (lengths[place] === -1 ? undefined : cell(place).toString("utf8")));
    // A copy: the chunk that it is a part of goes with the next.
    this.#hash = Buffer.from(hash);
    this.#rows += 1;
  }

  /** All rows were read: what is wrong with the run, first things first. */
  end(): Finding | undefined {
    return this.#broken ?? this.#ending() ?? this.#beginning;
  }

  #gap(seq: number): void {
    const [first, last] = [this.#rows, seq - 1];
    const what = first === last ? "is missing" : `to row ${last} are missing`;
    this.#fault("missing", first, seq < this.#rows ? "is there twice" : what);
  }

  #fault(kind: Finding["kind"], seq: number, what: string): void {
    this.#broken = { kind, run: this.run, seq, text: `row ${seq} ${what}` };
  }

  #ending(): Finding | undefined {
    const { run } = this;
    const rows = this.#rows;
    const head = this.#head;
    if (head && rows < head.rows)
      return {
        kind: "truncated",
        run,
        seq: rows,
        text: `row ${rows} is missing, with all after it: the chain had ${head.rows} rows when it was signed`,
      };
    if (head && Buffer.compare(head.hash, this.#hash) !== 0) return this.#rebuilt();
    if (this.#facts?.state === "done" && this.#last !== "run.finished")
      return {
        kind: "truncated",
        run,
        seq: rows,
        text: `row ${rows} is missing: the run is done, but its journal does not end`,
      };
    if (!this.#facts) return { kind: "orphan", run, seq: 0, text: "its row in runs is missing" };
    return undefined;
  }

  #rebuilt(): Finding {
    return { kind: "rebuilt", run: this.run, text: "its chain is whole in itself, but not the one that was signed" };
  }

  #compareBeginning(value: (place: number) => string | undefined): void {
    const facts = this.#facts;
    if (!facts) return;
    for (const { column, place } of begunPlaces) {
      const begun = value(place);
      // Rows from before these columns were kept have none of them.
      if (begun === undefined && (column !== "job" || value(placeOf("trigger")) === undefined)) continue;
      if ((begun ?? null) === facts[column]) continue;
      this.#beginning = {
        kind: "run",
        run: this.run,
        seq: 0,
        text: `its row in runs has another ${column} than the run began with`,
      };
      return;
    }
  }
}
