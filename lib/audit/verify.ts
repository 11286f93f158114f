/** Verifies the whole audit trail of a database: every row, every head, every checkpoint. Reads, and writes nothing. */
import type { Sql } from "../db/client.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type KeyRotation, keyRotations } from "./key-rotation.ts";
import { Signers } from "./signers.ts";
import { verifyChains } from "./verify-chains.ts";
import { verifyCheckpoints } from "./verify-checkpoints.ts";
import { verifyFile } from "./verify-file.ts";
import { Findings } from "./verify-findings.ts";

/** What it is verified by. */
export interface VerifyOptions {
  /** The 32 bytes of the gateway's public key, which vouches for those before it; undefined: whatever the newest one is. */
  readonly key?: Uint8Array | undefined;
  /** A checkpoint file, kept where nobody who can change the database could change it. */
  readonly file?: string | undefined;
  readonly checkpointMinutes: number;
}

/** What was verified, and what is wrong. */
export interface Verdict {
  /** Nothing is wrong. */
  readonly whole: boolean;
  readonly runs: number;
  readonly rows: number;
  readonly checkpoints: number;
  readonly last: Checkpoint | undefined;
  /** Changes of the key that a later key vouches for, oldest first. */
  readonly rotations: readonly KeyRotation[];
  /** Lines of the file; undefined: there was none to compare with. */
  readonly lines: number | undefined;
  readonly seconds: number;
  readonly findings: Findings;
}

/** Less than this after its end, a run may still wait for its checkpoint: one that was given up is signed late. */
const leastMinutes = 30;

/** One view of the database for all: a gateway may go on beside it. A million rows take some ten seconds. */
export async function verifyAudit(sql: Sql, { key, file, checkpointMinutes }: VerifyOptions): Promise<Verdict> {
  const began = performance.now();
  const findings = new Findings();
  const { walked, checkpoints, lines, signers } = await sql.begin(async (tx) => {
    await tx`set transaction isolation level repeatable read, read only`;
    // By the index: sorting a million rows would fill the server's disk.
    await tx`set local enable_sort = off`;
    // Held against the last thing known, not against the clock: a copy, or a gateway at rest, is no fault.
    const [row] = await tx<{ last: Date | null }[]>`
      select greatest((select max(at) from journal), (select max(at) from checkpoints)) as last`;
    const minutes = Math.max(2 * checkpointMinutes, leastMinutes);
    const unsignedBefore = new Date((row?.last?.getTime() ?? 0) - minutes * 60_000);
    const known = new Signers(await keyRotations(tx), key, findings);
    return {
      signers: known,
      walked: await verifyChains(tx, findings, unsignedBefore),
      checkpoints: await verifyCheckpoints(tx, findings, known),
      lines: file === undefined ? undefined : await verifyFile(tx, findings, file, known),
    };
  });
  return {
    whole: findings.total === 0,
    ...walked,
    checkpoints: checkpoints.count,
    last: checkpoints.last,
    rotations: signers.vouched,
    lines,
    seconds: (performance.now() - began) / 1000,
    findings,
  };
}
