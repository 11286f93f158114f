/** A journal row as COPY's binary format has it, made again into the JSON that was hashed. */
import type { JournalColumns } from "../ledger/journal-row.ts";
import type { CopiedRow } from "./verify-copy.ts";

type Chained = keyof JournalColumns | "run_id" | "seq" | "at";
type Kind = "text" | "int4" | "int8" | "float8" | "bool" | "uuid" | "instant";

/** Every column whose value is in the row's hash. One that is missing here does not compile. */
const kinds: Readonly<Record<Chained, Kind>> = {
  run_id: "uuid",
  seq: "int4",
  at: "instant",
  type: "text",
  operation_name: "text",
  conversation_id: "text",
  agent_name: "text",
  principal: "text",
  trigger: "text",
  job: "text",
  policy_hash: "text",
  prompt_hash: "text",
  provider_name: "text",
  request_model: "text",
  response_model: "text",
  response_id: "text",
  finish_reason: "text",
  provider_request_id: "text",
  tool_name: "text",
  tool_call_id: "text",
  decision: "text",
  rule: "text",
  taint: "text",
  approver: "text",
  input_tokens: "int8",
  output_tokens: "int8",
  cached_tokens: "int8",
  reasoning_tokens: "int8",
  cost: "float8",
  cost_source: "text",
  refusal: "bool",
  answer_length: "int4",
  error_type: "text",
  duration_ms: "int4",
};

/** In the order in which canonical JSON has them. */
const sorted = Object.keys(kinds).sort() as Chained[];

/** What is copied of a row: the chained columns, then `payload`, `prev_hash` and `hash`. */
export const copiedColumns: readonly string[] = [...sorted, "payload", "prev_hash", "hash"];

/** Where a column is in a copied row. */
export const placeOf = (column: Chained | "payload" | "prev_hash" | "hash"): number => copiedColumns.indexOf(column);

const readers: Readonly<Record<Kind, (bytes: Buffer, start: number, end: number) => string>> = {
  text: (bytes, start, end) => JSON.stringify(bytes.toString("utf8", start, end)),
  int4: (bytes, start) => String(bytes.readInt32BE(start)),
  int8: (bytes, start) => String(bytes.readBigInt64BE(start)),
  float8: (bytes, start) => JSON.stringify(bytes.readDoubleBE(start)),
  bool: (bytes, start) => (bytes[start] === 1 ? "true" : "false"),
  uuid: (bytes, start) => `"${uuidAt(bytes, start)}"`,
  instant: (bytes, start) => `"${instantAt(bytes, start)}"`,
};

const fields = sorted.map((column) => ({ prefix: `"${column}":`, read: readers[kinds[column]] }));

/** The row's canonical JSON: keys sorted, columns that are null left out. */
export function canonicalRow({ bytes, starts, lengths }: CopiedRow): string {
  let json = "";
  for (const [at, { prefix, read }] of fields.entries()) {
    const length = lengths[at] ?? -1;
    if (length < 0) continue;
    const start = starts[at] ?? 0;
    json += (json === "" ? "{" : ",") + prefix + read(bytes, start, start + length);
  }
  return `${json}}`;
}

/** The uuid of 16 bytes, as it is written. */
export function uuidAt(bytes: Buffer, start: number): string {
  const hex = bytes.toString("hex", start, start + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** 2000-01-01, PostgreSQL's epoch. */
const epochMs = 946_684_800_000;

/** ISO in milliseconds, as it was hashed; an instant that we have not written, with microseconds, is shown by its number. */
function instantAt(bytes: Buffer, start: number): string {
  const microseconds = Number(bytes.readBigInt64BE(start));
  const instant = new Date(epochMs + microseconds / 1000);
  return microseconds % 1000 === 0 && Number.isFinite(instant.getTime()) ? instant.toISOString() : `${microseconds} µs`;
}
