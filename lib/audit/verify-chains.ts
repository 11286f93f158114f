/** Walks all chains in the order of their runs, range by range, and holds them against heads and `runs`. */
import type { TransactionSql } from "../db/client.ts";
import type { Head } from "./heads.ts";
import { type RunFacts, VerifiedChain } from "./verify-chain.ts";
import { copiedColumns, placeOf, uuidAt } from "./verify-columns.ts";
import { copiedRows } from "./verify-copy.ts";
import type { Findings } from "./verify-findings.ts";

/** Journal rows whose runs' facts are held at once. */
const rangeRows = 20_000;

/** What was walked. */
export interface Walked {
  runs: number;
  rows: number;
}

/** Reads every row. `unsignedBefore`: what ended before it must be in a checkpoint. */
export async function verifyChains(tx: TransactionSql, findings: Findings, unsignedBefore: Date): Promise<Walked> {
  const walked = { runs: 0, rows: 0 };
  let after: string | undefined;
  do {
    const range = await nextRange(tx, after);
    await verifyRange(tx, range, { findings, unsignedBefore, walked });
    after = range.last;
  } while (after !== undefined);
  return walked;
}

/** Runs after `after` (undefined: from the first) up to `last` (undefined: to the end of all). */
interface Range {
  readonly after: string | undefined;
  readonly last: string | undefined;
}

async function nextRange(tx: TransactionSql, after: string | undefined): Promise<Range> {
  const [row] = await tx<{ last: string }[]>`
    select run_id as last from journal ${after === undefined ? tx`` : tx`where run_id > ${after}`}
    order by run_id offset ${rangeRows} limit 1`;
  return { after, last: row?.last };
}

async function verifyRange(
  tx: TransactionSql,
  range: Range,
  { findings, unsignedBefore, walked }: { findings: Findings; unsignedBefore: Date; walked: Walked },
): Promise<void> {
  const heads = new Map((await headsIn(tx, range)).map((head) => [head.runId, head]));
  const facts = new Map((await factsIn(tx, range)).map(({ runId, ...each }) => [runId, each]));
  let chain: VerifiedChain | undefined;
  const runAt = placeOf("run_id");
  const id = Buffer.alloc(16);
  const close = (): void => {
    if (!chain) return;
    walked.runs += 1;
    const found = chain.end() ?? unsigned(chain.run, facts.get(chain.run), heads.get(chain.run), unsignedBefore);
    if (found) findings.add(found);
    heads.delete(chain.run);
    facts.delete(chain.run);
  };
  const copy = tx.unsafe(
    `copy (select ${copiedColumns.join(", ")} from journal ${bounds("run_id", range)} order by run_id, seq) to stdout (format binary)`,
  );
  walked.rows += await copiedRows(await copy.readable(), copiedColumns.length, (row) => {
    const at = row.starts[runAt] ?? 0;
    if (!chain || id.compare(row.bytes, at, at + 16) !== 0) {
      close();
      row.bytes.copy(id, 0, at, at + 16);
      const run = uuidAt(id, 0);
      chain = new VerifiedChain(run, heads.get(run), facts.get(run));
    }
    chain.add(row);
  });
  close();
  // What is left has no row in the journal.
  for (const run of heads.keys()) {
    findings.add({
      kind: "deleted",
      run,
      seq: 0,
      text: "it was signed, and its journal is gone: all its rows are missing",
    });
    facts.delete(run);
  }
  for (const [run, { state, checkpoint }] of facts)
    if (state === "done" || checkpoint !== null)
      findings.add({
        kind: "deleted",
        run,
        seq: 0,
        text: "it ended, and its journal is gone: all its rows are missing",
      });
}

function unsigned(
  run: string,
  facts: RunFacts | undefined,
  head: Head | undefined,
  before: Date,
): Parameters<Findings["add"]>[0] | undefined {
  if (head || !facts?.finishedAt) return undefined;
  if (facts.checkpoint !== null)
    return {
      kind: "unsigned",
      run,
      checkpoint: facts.checkpoint,
      text: `it was in checkpoint ${facts.checkpoint}, which has it no more`,
    };
  if (facts.finishedAt >= before) return undefined;
  return { kind: "unsigned", run, text: `it ended ${facts.finishedAt.toISOString()} and is in no checkpoint` };
}

/** Ids come from the database as uuids: COPY takes no parameters. */
function bounds(column: string, { after, last }: Range): string {
  const both = [
    after === undefined ? [] : [`${column} > '${after}'`],
    last === undefined ? [] : [`${column} <= '${last}'`],
  ].flat();
  return both.length === 0 ? "" : `where ${both.join(" and ")}`;
}

const headsIn = (tx: TransactionSql, range: Range): Promise<Head[]> =>
  tx.unsafe<Head[]>(`select run_id as "runId", rows, hash from checkpoint_heads ${bounds("run_id", range)}`);

/** By the view: whoever may only read the audit trail has no other. */
const factsIn = (tx: TransactionSql, range: Range): Promise<(RunFacts & { runId: string })[]> =>
  tx.unsafe<(RunFacts & { runId: string })[]>(`
    select run_id as "runId", state, finished_at as "finishedAt", checkpoint, conversation_id, agent_name, principal, trigger, job,
      policy_hash, prompt_hash
    from audit_runs ${bounds("run_id", range)}`);
