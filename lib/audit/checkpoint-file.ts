/** The checkpoint file: only ever appended to, and brought up to date from the database. */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Sql, TransactionSql } from "../db/client.ts";
import { ClawError } from "../errors.ts";
import { type Checkpoint, checkpointsAfter } from "./checkpoint.ts";
import { checkpointLine, parseCheckpointLine } from "./checkpoint-line.ts";
import { type Head, headLine } from "./heads.ts";

/** Any number but that of taking: two processes never append to one file. */
const lock = 7_301_002;
const block = 65_536;

/**
 * Appends what the file lacks and has it on the disk when it resolves. A line that was begun before a crash is ended first.
 * Throws ClawError `environment` where the file is not the beginning of what the database has: then it is left as it is.
 */
export async function appendCheckpoints(sql: Sql, file: string): Promise<void> {
  await sql.begin(async (tx) => {
    const [row] = await tx<{ held: boolean }[]>`select pg_try_advisory_xact_lock(${lock}) as held`;
    if (row?.held) await append(tx, file);
  });
}

async function append(tx: TransactionSql, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    const { line, begun } = await readEnd(handle);
    let last = line === undefined ? 0 : await numberOf(tx, file, line);
    let rest = begun;
    let more: Checkpoint[];
    while ((more = await checkpointsAfter(tx, last)).length > 0) {
      for (const checkpoint of more) {
        const whole = checkpointLine(checkpoint, await headsOf(tx, checkpoint.number));
        if (!whole.startsWith(rest)) throw foreign(file, "its last line is not one of this database's");
        await handle.appendFile(whole.slice(rest.length));
        rest = "";
        last = checkpoint.number;
      }
    }
    if (rest !== "") throw foreign(file, "its last line is not one of this database's");
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The heads of one checkpoint, as they are hashed: in the order of their runs. */
export const headsOf = async (sql: Sql | TransactionSql, number: number): Promise<ReturnType<typeof headLine>[]> =>
  (
    await sql<Head[]>`
      select run_id as "runId", rows, hash from checkpoint_heads where number = ${number} order by run_id`
  ).map(headLine);

/** Hashes are chained: where the last line is the database's own, so are all before it. */
async function numberOf(tx: TransactionSql, file: string, line: string): Promise<number> {
  const stated = parseCheckpointLine(line);
  if (!stated) throw foreign(file, "its last line is no checkpoint");
  const [kept] = await checkpointsAfter(tx, stated.number - 1, 1);
  if (kept?.number !== stated.number)
    throw foreign(file, `the database has no checkpoint ${stated.number}, which the file ends with`);
  if (Buffer.compare(stated.hash, kept.hash) !== 0)
    throw foreign(file, `its checkpoint ${stated.number} is not the database's`);
  return stated.number;
}

const foreign = (file: string, why: string): ClawError =>
  new ClawError(
    "environment",
    `${file} is not of this database: ${why}. It is left as it is and nothing is added: \`claw audit verify --checkpoints\` compares the two; then move it away, and all checkpoints are written anew`,
  );

/** The last whole line without its line feed, and what stands after it. */
async function readEnd(handle: FileHandle): Promise<{ line: string | undefined; begun: string }> {
  let from = (await handle.stat()).size;
  let text = Buffer.alloc(0);
  for (;;) {
    const end = text.lastIndexOf(10);
    const start = end === -1 ? -1 : text.subarray(0, end).lastIndexOf(10);
    if (start !== -1 || from === 0) {
      const line = end === -1 ? undefined : text.subarray(start + 1, end).toString("utf8");
      return { line, begun: text.subarray(end + 1).toString("utf8") };
    }
    const size = Math.min(from, Math.max(block, text.length));
    from -= size;
    const { buffer } = await handle.read(Buffer.alloc(size), 0, size, from);
    text = Buffer.concat([buffer, text]);
  }
}

/** Bytes in the file; 0 where there is none. */
export const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );
