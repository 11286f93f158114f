/** The ends of runs' chains, as a checkpoint states them. */
import { createHash } from "node:crypto";

/** How one finished run's chain ended. */
export interface Head {
  readonly runId: string;
  /** Rows of the chain. */
  readonly rows: number;
  /** Of its last row. */
  readonly hash: Uint8Array;
}

/** A head as a checkpoint file has it: run, rows, hash in base64url. */
export type HeadLine = readonly [runId: string, rows: number, hash: string];

export const headLine = ({ runId, rows, hash }: Head): HeadLine => [
  runId,
  rows,
  Buffer.from(hash).toString("base64url"),
];

/** SHA-256 over the heads, ordered by run: each as JSON, `["<run>",<rows>,"<hash in base64url>"]`, and a line feed. */
export function headsHash(heads: readonly HeadLine[]): Buffer {
  const all = createHash("sha256");
  for (const head of heads) all.update(`${JSON.stringify(head)}\n`);
  return all.digest();
}
