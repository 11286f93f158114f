/** Fills a database with the journal of a year, for benchmarks of what reads it: whole chains, really sealed. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Principal } from "../../lib/channel/types.ts";
import type { Sql } from "../../lib/db/client.ts";
import { derivedId } from "../../lib/derived-id.ts";
import { noHash, toJournalRow, type JournalRow } from "../../lib/ledger/journal-row.ts";
import type { Run } from "../../lib/ledger/run.ts";
import { createKeyring, type Keyring, newKey, Sealer } from "../../lib/seal.ts";
import { type Choice, storyOf } from "./journal-story.ts";

/** How much is written. The seed decides all of it but the nonces of what is sealed, and with them the hashes. */
export interface JournalLoad {
  /** Of the journal, at least. */
  readonly rows: number;
  readonly seed?: number;
  /** The runs' keys are wrapped by it; left out, a new one. */
  readonly keyring?: Keyring;
  /** The runs are spread over so many days, the last one up to `until`. */
  readonly days?: number;
  readonly until?: Date;
}

/** What was written. */
export interface LoadedJournal {
  readonly rows: number;
  readonly runs: number;
}

const agents = ["ops", "home", "research", "mail"] as const;
const people: readonly Principal[] = ["telegram:1001", "telegram:1002", "telegram:1003"];
const others: readonly Principal[] = [
  "matrix:@ada:home.example",
  "matrix:@ben:home.example",
  "matrix:@eva:home.example",
];
const principals = [...people, ...others];
const jobs = ["morning-brief", "backup-check", "feed-digest"] as const;
const runsAtOnce = 2_000;
/** On average, by the chances of a story. */
const rowsPerRun = 7.31;
const dayMs = 86_400_000;

/** In the order of the table's columns in `copy`. */
const journalColumns = [
  ...["run_id", "seq", "type", "at", "operation_name", "conversation_id", "agent_name", "principal", "trigger", "job"],
  ...["policy_hash", "prompt_hash", "provider_name", "request_model", "response_model", "response_id", "finish_reason"],
  ...["provider_request_id", "tool_name", "tool_call_id", "decision", "rule", "taint", "approver", "input_tokens"],
  ...["output_tokens", "cached_tokens", "reasoning_tokens", "cost", "cost_source", "refusal", "answer_length"],
  ...["error_type", "duration_ms", "payload", "prev_hash", "hash"],
] as const satisfies readonly (keyof JournalRow)[];
const bytes: ReadonlySet<string> = new Set(["payload", "prev_hash", "hash"]);

const runColumns =
  "id, conversation_id, lane, agent, principal, trigger, job, slot, attempt, state, error, policy_hash, prompt_hash, taint, steps, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost, started_at, finished_at";

/** Writes runs, their keys and their journal, oldest first, by COPY. A million rows take about a minute. */
export async function loadJournal(sql: Sql, load: JournalLoad): Promise<LoadedJournal> {
  const { rows, seed = 1, keyring = createKeyring(newKey()), days = 365, until = new Date() } = load;
  const random = mulberry32(seed);
  const count = Math.ceil(rows / rowsPerRun);
  const step = (days * dayMs) / count;
  let written = 0;
  let run = 0;
  while (written < rows) {
    const lines = { journal: [] as string[], runs: [] as string[], keys: [] as string[] };
    for (let n = 0; n < runsAtOnce && written < rows; n++, run++) {
      // The last ones, where the stories are shorter than expected, are all of the last minutes.
      const from = Math.min(until.getTime() - 120_000, until.getTime() - days * dayMs + (run + random()) * step);
      written += writeRun(lines, { seed, run, startedAt: new Date(Math.floor(from)), random, keyring });
    }
    await copy(sql, `runs (${runColumns})`, lines.runs);
    await copy(sql, "run_keys (run_id, wrapped, created_at)", lines.keys);
    await copy(sql, `journal (${journalColumns.join(", ")})`, lines.journal);
  }
  await sql`vacuum analyze journal, runs, run_keys`;
  return { rows: written, runs: run };
}

interface RunPlan {
  readonly seed: number;
  readonly run: number;
  readonly startedAt: Date;
  readonly random: () => number;
  readonly keyring: Keyring;
}

/** Appends the lines of one run. Returns how many rows its journal has. */
function writeRun(
  lines: { journal: string[]; runs: string[]; keys: string[] },
  { seed, run: number, startedAt, random, keyring }: RunPlan,
): number {
  const choice: Choice = { random, of: (values) => values[Math.floor(random() * values.length)] as never };
  const jobName = random() < 0.2 ? choice.of(jobs) : undefined;
  const agent = choice.of(agents);
  const run: Run = {
    id: derivedId(`bench:${seed}:${number}`),
    conversationId: derivedId(`bench-conversation:${agent}`),
    lane: jobName ? `job:${jobName}` : `telegram:${agent}:1001`,
    agent,
    principal: choice.of(principals),
    trigger: jobName ? "job" : "chat",
    job: jobName && { name: jobName, slot: startedAt, attempt: 1 },
    policyHash: "0f".repeat(32),
    promptHash: agent === "ops" ? "1a".repeat(32) : "2b".repeat(32),
  };
  const key = Buffer.from(Array.from({ length: 32 }, () => Math.floor(random() * 256)));
  const seal = new Sealer(key);
  const story = storyOf(choice);
  let previous = noHash;
  let at = startedAt;
  for (const [seq, { event, afterMs }] of story.events.entries()) {
    at = new Date(at.getTime() + afterMs);
    const { row, hash } = toJournalRow({ run, seq, at, previous }, event, seal);
    previous = hash;
    lines.journal.push(line(journalColumns.map((column) => (bytes.has(column) ? hex(row[column]) : row[column]))));
  }
  const { state, error, taint, steps, usage, cost } = story;
  const wrapped = Buffer.from(keyring.runKeys.seal(key, `run:${run.id}`));
  lines.keys.push(line([run.id, `\\x${wrapped.toString("hex")}`, startedAt.toISOString()]));
  lines.runs.push(
    line([
      ...[run.id, run.conversationId, run.lane, run.agent, run.principal, run.trigger, jobName],
      ...[jobName && startedAt.toISOString(), jobName && 1, state, error, run.policyHash, run.promptHash, taint, steps],
      ...[usage.inputTokens, usage.outputTokens, usage.cachedTokens, usage.reasoningTokens, cost],
      ...[startedAt.toISOString(), at.toISOString()],
    ]),
  );
  return story.events.length;
}

type Cell = string | number | boolean | null | undefined;

const hex = (base64: Cell): Cell =>
  typeof base64 === "string" ? `\\x${Buffer.from(base64, "base64").toString("hex")}` : base64;

/** A line of COPY's text format. */
const line = (cells: readonly Cell[]): string =>
  `${cells.map((cell) => (cell === null || cell === undefined ? "\\N" : typeof cell === "string" ? cell.replaceAll("\\", "\\\\") : String(cell))).join("\t")}\n`;

async function copy(sql: Sql, table: string, lines: readonly string[]): Promise<void> {
  const size = 500;
  const chunks = Array.from({ length: Math.ceil(lines.length / size) }, (_, n) => n * size);
  const into = await sql.unsafe(`copy ${table} from stdin`).writable();
  await pipeline(Readable.from(chunks.map((from) => lines.slice(from, from + size).join(""))), into);
}

/** A small generator of random numbers in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
