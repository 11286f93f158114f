/** Verifies the checkpoints: their numbers, their chain, their heads and their signatures. */
import type { TransactionSql } from "../db/client.ts";
import { noHash } from "../ledger/journal-row.ts";
import { base64url, type Checkpoint, checkpointHash, checkpointsAfter, isSignedBy } from "./checkpoint.ts";
import { headsOf } from "./checkpoint-file.ts";
import { type HeadLine, headsHash } from "./heads.ts";
import type { Signers } from "./signers.ts";
import type { Findings } from "./verify-findings.ts";

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Holds one checkpoint after the other against what it states; for the table, and for the file. */
export class VerifiedCheckpoints {
  last: Checkpoint | undefined;
  readonly #findings: Findings;
  readonly #signers: Signers;
  readonly #where: string;
  readonly #kind: "checkpoint" | "file";

  /** Where `signers` know nothing, all signatures must be of the first one's key. */
  constructor(findings: Findings, signers: Signers, kind: "checkpoint" | "file" = "checkpoint") {
    this.#findings = findings;
    this.#signers = signers;
    this.#kind = kind;
    this.#where = kind === "file" ? "in the file, " : "";
  }

  /** Takes the next one. Returns whether nothing is wrong with it. */
  add(checkpoint: Checkpoint, heads: readonly HeadLine[]): boolean {
    const { number } = checkpoint;
    const key = this.#signers.of(number) ?? this.last?.publicKey ?? checkpoint.publicKey;
    const wrong = this.#wrong(checkpoint, heads);
    if (wrong !== undefined) this.#say(this.#kind, number, wrong);
    else if (!same(checkpoint.publicKey, key))
      this.#say(
        "signature",
        number,
        `is signed by another key than ${base64url(key)}: it was not made by this gateway`,
      );
    else if (!isSignedBy(checkpoint, key)) this.#say("signature", number, "has a signature that is not of its hash");
    const whole = wrong === undefined;
    this.last = checkpoint;
    return whole;
  }

  #wrong(checkpoint: Checkpoint, heads: readonly HeadLine[]): string | undefined {
    const due = (this.last?.number ?? 0) + 1;
    if (checkpoint.number !== due)
      return `follows on checkpoint ${due - 1}: ${checkpoint.number - due === 1 ? `checkpoint ${due} is` : `checkpoints ${due} to ${checkpoint.number - 1} are`} missing`;
    if (!same(checkpoint.previousHash, this.last?.hash ?? noHash)) return "does not follow on the one before it";
    if (!same(checkpoint.hash, checkpointHash(checkpoint))) return "was changed: its hash is another";
    if (!this.#signers.isVouched(checkpoint)) return "is not the one that the key after its own has vouched for";
    if (checkpoint.runs !== heads.length) return `states ${checkpoint.runs} runs, and has the heads of ${heads.length}`;
    if (!same(checkpoint.headsHash, headsHash(heads))) return "has other heads than it was signed with";
    return undefined;
  }

  #say(kind: "checkpoint" | "file" | "signature", checkpoint: number, what: string): void {
    this.#findings.add({ kind, checkpoint, text: `${this.#where}checkpoint ${checkpoint} ${what}` });
  }
}

/** Verifies the table; returns how many there are, and the last. */
export async function verifyCheckpoints(
  tx: TransactionSql,
  findings: Findings,
  signers: Signers,
): Promise<{ count: number; last: Checkpoint | undefined }> {
  const verified = new VerifiedCheckpoints(findings, signers);
  let count = 0;
  for (let more; (more = await checkpointsAfter(tx, verified.last?.number ?? 0)).length > 0;)
    for (const checkpoint of more) {
      verified.add(checkpoint, await headsOf(tx, checkpoint.number));
      count += 1;
    }
  const vouchedFor = signers.vouched.at(-1)?.checkpoint ?? 0;
  if (vouchedFor > (verified.last?.number ?? 0))
    findings.add({
      kind: "checkpoint",
      checkpoint: vouchedFor,
      text: `checkpoint ${vouchedFor} is missing: the last change of the key vouches for it`,
    });
  const [stray] = await tx<{ runId: string; number: number }[]>`
    select run_id as "runId", number from checkpoint_heads h
    where not exists (select 1 from checkpoints c where c.number = h.number) order by number, run_id limit 1`;
  if (stray)
    findings.add({
      kind: "checkpoint",
      checkpoint: stray.number,
      run: stray.runId,
      text: `checkpoint ${stray.number} is missing, and there are heads of it`,
    });
  return { count, last: verified.last };
}
