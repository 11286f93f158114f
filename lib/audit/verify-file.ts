/** Holds the database against a checkpoint file that was kept elsewhere. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { TransactionSql } from "../db/client.ts";
import { ClawError, messageOf } from "../errors.ts";
import { checkpointsAfter } from "./checkpoint.ts";
import { parseCheckpointLine, type StatedCheckpoint } from "./checkpoint-line.ts";
import { type Head, headLine } from "./heads.ts";
import type { Signers } from "./signers.ts";
import { VerifiedCheckpoints } from "./verify-checkpoints.ts";
import type { Findings } from "./verify-findings.ts";

/**
 * Each line: whole in itself, following on the one before it, and the same in the database. Where the database has another, the
 * first run of it whose chain ends otherwise is named. Returns the number of lines. Throws ClawError `bad_request` where the file
 * cannot be read.
 */
export async function verifyFile(
  tx: TransactionSql,
  findings: Findings,
  file: string,
  signers: Signers,
): Promise<number> {
  const verified = new VerifiedCheckpoints(findings, signers, "file");
  let lines = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      lines += 1;
      const stated = parseCheckpointLine(line);
      if (!stated) findings.add({ kind: "file", text: `line ${lines} of the file is no checkpoint` });
      else if (verified.add(stated, stated.heads)) await compare(tx, findings, stated);
    }
  } catch (cause) {
    if ((cause as { syscall?: unknown }).syscall === undefined) throw cause;
    throw new ClawError("bad_request", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (lines === 0) throw new ClawError("bad_request", `${file} is empty: it is no checkpoint file`);
  return lines;
}

async function compare(tx: TransactionSql, findings: Findings, stated: StatedCheckpoint): Promise<void> {
  const { number } = stated;
  const [kept] = await checkpointsAfter(tx, number - 1, 1);
  const there = kept?.number === number;
  if (there && Buffer.compare(kept.hash, stated.hash) === 0) return;
  findings.add({
    kind: "file",
    checkpoint: number,
    text: there
      ? `checkpoint ${number} is another in the database than in the file: it was made anew`
      : `checkpoint ${number} is in the file and not in the database: it was taken away, or this is an older copy`,
  });
  await compareHeads(tx, findings, stated);
}

/** The checkpoint cannot be relied on: each chain is held against what the file says of its end. */
async function compareHeads(
  tx: TransactionSql,
  findings: Findings,
  { number, heads }: StatedCheckpoint,
): Promise<void> {
  const ids = heads.map(([run]) => run);
  const ends = await tx<Head[]>`
    select r.id as "runId", j.seq + 1 as rows, j.hash
    from unnest(${ids}::uuid[]) as r (id) cross join lateral (
      select seq, hash from journal where run_id = r.id order by seq desc limit 1
    ) j`;
  const found = new Map(ends.map((head) => [head.runId, headLine(head)]));
  for (const [run, rows, hash] of heads) {
    const end = found.get(run);
    if (end?.[1] === rows && end[2] === hash) continue;
    const by = `by checkpoint ${number} of the file`;
    const finding = { checkpoint: number, run } as const;
    if (!end) findings.add({ ...finding, kind: "deleted", seq: 0, text: `all its rows are missing, ${by}` });
    else if (end[1] < rows)
      findings.add({
        ...finding,
        kind: "truncated",
        seq: end[1],
        text: `row ${end[1]} is missing, with all after it, ${by}`,
      });
    else if (end[1] > rows)
      findings.add({ ...finding, kind: "added", seq: rows, text: `row ${rows} was added, ${by}` });
    else findings.add({ ...finding, kind: "rebuilt", text: `its chain is not the one that was signed, ${by}` });
  }
}
