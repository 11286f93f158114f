/** A checkpoint with its heads as a line of the checkpoint file: the file alone can prove what it states. */
import { z } from "zod";
import { base64url, type Checkpoint } from "./checkpoint.ts";
import type { HeadLine } from "./heads.ts";
import { safeParse } from "../safe-parse.ts";

const bytes = z.base64url().transform((text) => Buffer.from(text, "base64url"));

const shape = z.object({
  number: z.int32().min(1),
  at: z.iso.datetime().transform((text) => new Date(text)),
  runs: z.int32().min(1),
  heads_hash: bytes,
  previous_hash: bytes,
  hash: bytes,
  signature: bytes,
  public_key: bytes,
  heads: z.array(z.tuple([z.uuid(), z.int(), z.base64url()])),
});

/** What a line says. */
export interface StatedCheckpoint extends Checkpoint {
  readonly heads: readonly HeadLine[];
}

/** One line of JSON, with its line feed; bytes in base64url, heads as `[run, rows, hash]`. */
export function checkpointLine(checkpoint: Checkpoint, heads: readonly HeadLine[]): string {
  const { number, at, runs, headsHash, previousHash, hash, signature, publicKey } = checkpoint;
  const line = {
    number,
    at,
    runs,
    heads_hash: base64url(headsHash),
    previous_hash: base64url(previousHash),
    hash: base64url(hash),
    signature: base64url(signature),
    public_key: base64url(publicKey),
    heads,
  };
  return `${JSON.stringify(line)}\n`;
}

/** Reads a line again. Undefined where it is none. */
export function parseCheckpointLine(line: string): StatedCheckpoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const read = safeParse(shape, value);
  if (!read.success) return undefined;
  const { heads_hash, previous_hash, public_key, ...rest } = read.data;
  return { ...rest, headsHash: heads_hash, previousHash: previous_hash, publicKey: public_key };
}
