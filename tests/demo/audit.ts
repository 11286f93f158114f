/** The audit rows of what just happened, as a narrow table. */
import { styleText } from "node:util";
import type { Sql } from "../../lib/db/client.ts";
import type { Outcome } from "./say.ts";

/** One row of the journal, as far as it may be read without a key. */
export interface AuditRow {
  readonly seq: number;
  readonly type: string;
  readonly tool: string | null;
  readonly decision: string | null;
  readonly rule: string | null;
  readonly error: string | null;
  readonly input: number | null;
  readonly output: number | null;
  readonly request: string | null;
  readonly ms: number | null;
}

/** A run's journal, in order. */
export const auditRows = (sql: Sql, runId: string): Promise<AuditRow[]> =>
  sql<AuditRow[]>`
    select seq, type, tool_name as tool, decision, rule, error_type as error, input_tokens as input,
      output_tokens as output, provider_request_id as request, duration_ms as ms
    from journal where run_id = ${runId} order by seq`;

const heads = ["seq", "type", "tool", "decision", "tokens", "ms", "request id"];
const numeric = new Set(["seq", "tokens", "ms"]);

/** Prints the ledgers' rows of one line. `rows` is empty where there was no run. */
export function printAudit(out: (line: string) => void, outcome: Outcome, rows: readonly AuditRow[]): void {
  const { inbox, outbox, runId } = outcome;
  const sends = outbox.map(({ id, state, attempts }) => `#${id} ${state}${attempts > 1 ? ` (${attempts} tries)` : ""}`);
  const why = inbox.reason === null ? "" : ` (${inbox.reason})`;
  out(dim(`  inbox #${inbox.id} ${inbox.state}${why} · outbox ${sends.join(", ") || "nothing"}`));
  printRows(out, runId, rows);
}

/** Prints the rows of a run. */
export function printRows(out: (line: string) => void, runId: string | null, rows: readonly AuditRow[]): void {
  if (rows.length === 0) return out(dim("  no run: no agent and no model was asked"));
  out(dim(`  run ${runId ?? ""}`));
  const table = rows.map(cells);
  const widths = heads.map((head, at) => Math.max(head.length, ...table.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (numeric.has(heads[at] ?? "") ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  out(dim(`  ${line(heads)}`));
  for (const [at, row] of rows.entries()) {
    const text = `  ${line(table[at] ?? [])}`;
    out(row.decision === "deny" ? red(text) : row.decision === "allow" ? green(text) : text);
    if (row.rule !== null) out(dim(`  ${" ".repeat(widths[0] ?? 0)}  by ${row.rule}`));
  }
}

const cells = (row: AuditRow): string[] => [
  String(row.seq),
  row.type,
  row.tool ?? "",
  row.decision ?? row.error ?? "",
  row.input === null ? "" : `${row.input}+${row.output ?? 0}`,
  row.ms === null ? "" : String(row.ms),
  row.request ?? "",
];

const dim = (text: string): string => styleText("dim", text);
const red = (text: string): string => styleText("red", text);
const green = (text: string): string => styleText("green", text);
