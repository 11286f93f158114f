/** A database as it was after some migration, with rows in every table that there was: what an upgrade begins with. */
import { randomBytes, randomUUID } from "node:crypto";
import type { RunEvent } from "../../lib/agent/events.ts";
import type { InboundMessage } from "../../lib/channel/types.ts";
import { takeCheckpoints } from "../../lib/audit/checkpoint-take.ts";
import { noteRotation } from "../../lib/audit/key-rotation.ts";
import type { Sql } from "../../lib/db/client.ts";
import { applyMigrations, type Migration, tablesAt } from "../../lib/db/migrations.ts";
import { inboxSeal } from "../../lib/ledger/inbox.ts";
import { chainHash, noHash, toJournalRow } from "../../lib/ledger/journal-row.ts";
import { runKeySeal } from "../../lib/ledger/runs.ts";
import { turnSeal } from "../../lib/ledger/turns.ts";
import { createKeyring, type Keyring, newKey, Sealer } from "../../lib/seal.ts";

/** What is known of the rows. */
export interface OldRows {
  /** A run that is done, with all that a journal of then has. */
  readonly run: string;
  /** Of the person whose message waits to be answered, and whose answer to be sent. */
  readonly person: number;
}

type Row = Record<string, unknown>;

interface Column {
  readonly name: string;
  readonly type: string;
  readonly identity: boolean;
}

/** Tables whose rows are the audit trail's own to make. */
const signed = new Set(["checkpoints", "checkpoint_heads", "key_rotations"]);

/** Applies the migrations up to this one to an empty database, and fills it. */
export async function makeOldDatabase(
  sql: Sql,
  migration: Migration,
  { keyring, person }: { readonly keyring: Keyring; readonly person: number },
): Promise<OldRows> {
  await sql.begin((tx) => applyMigrations(tx, undefined, migration.when));
  const run = randomUUID();
  const conversation = randomUUID();
  const known = knownRows(keyring, { person, run, conversation });
  const tables = tablesAt(migration);
  const journal = tables.find(({ name }) => name === "journal")?.columns ?? [];
  for (const { name } of tables) {
    if (signed.has(name)) continue;
    const columns = await columnsOf(sql, name);
    const rows = name === "journal" ? journalRows({ person, run, conversation }, journal) : [known[name] ?? {}];
    for (const row of rows) await insert(sql, name, columns, row);
  }
  // Once, before there was any checkpoint, from a key that nobody has any more.
  if (tables.some(({ name }) => name === "key_rotations"))
    await sql.begin((tx) =>
      noteRotation(tx, createKeyring(newKey()).checkpointKey(), keyring.checkpointKey(), daysAgo(3)),
    );
  if (tables.some(({ name }) => name === "checkpoints"))
    await takeCheckpoints(sql, { key: keyring.checkpointKey(), now: new Date(), everyMinutes: 60 });
  return { run, person };
}

const columnsOf = (sql: Sql, table: string): Promise<Column[]> => sql<Column[]>`
  select column_name as name, data_type as type, is_identity = 'YES' as identity from information_schema.columns
  where table_schema = 'public' and table_name = ${table} order by ordinal_position`;

async function insert(sql: Sql, table: string, columns: readonly Column[], row: Row): Promise<void> {
  const values = columns.flatMap(({ name, type, identity }): [string, unknown][] => {
    if (identity) return [];
    const value = Object.hasOwn(row, name) ? row[name] : anyValue(type);
    return [[name, type === "jsonb" ? sql.json(value as never) : value]];
  });
  await sql`insert into ${sql(table)} ${sql(Object.fromEntries(values) as never)}`;
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);

/** What no test depends on, but that it is there and stays. */
function anyValue(type: string): unknown {
  switch (type) {
    case "text":
      return `text "\\N" \t\n${randomBytes(3).toString("hex")} ☃`;
    case "uuid":
      return randomUUID();
    case "bytea":
      return randomBytes(40);
    case "boolean":
      return true;
    case "integer":
    case "bigint":
      return 7;
    case "numeric":
    case "double precision":
      return 0.25;
    case "jsonb":
      return { text: 'quotes " and \\ and \n' };
    case "date":
      return "2026-11-20";
    case "timestamp with time zone":
      return daysAgo(2);
    case "ARRAY":
      return ["one", 'two, "three"'];
    default:
      throw new Error(`add a value of the type ${type}`);
  }
}

function knownRows(
  keyring: Keyring,
  { person, run, conversation }: { person: number; run: string; conversation: string },
): Record<string, Row> {
  const { bodies } = keyring;
  const principal = `telegram:${person}`;
  const lane = `telegram:main:${person}`;
  const destination = { channel: "telegram", bot: "main", chat: person };
  const message: InboundMessage = {
    ...{ principal: `telegram:${person}`, text: "are you still there?", attachments: [], shared: false },
    destination: { channel: "telegram", bot: "main", chat: person },
    sentAt: daysAgo(0).toISOString(),
  };
  const turn = [
    { role: "user", text: "before the upgrade" },
    { role: "assistant", text: "noted before the upgrade", toolCalls: [] },
  ];
  return {
    conversations: { id: conversation, lane, agent: "ops", active: true, reset_turn: 0 },
    turns: {
      conversation_id: conversation,
      run_id: run,
      principal,
      tokens: 9,
      taint: null,
      body: bodies.sealJson(turn, turnSeal(run)),
    },
    inbox: {
      ...{
        source: "old:1",
        channel: "telegram",
        lane,
        principal,
        kind: "message",
        state: "new",
        reason: null,
        run_id: null,
      },
      body: bodies.sealJson(message, inboxSeal("old:1")),
    },
    outbox: {
      ...{
        key: "old:1",
        run_id: null,
        lane,
        destination,
        ciphertext: null,
        state: "pending",
        attempts: 0,
        worker: null,
      },
      ...{ remote_id: null, reason: null, sent_at: null, not_before: daysAgo(1) },
      body: bodies.sealJson({ text: "said before the upgrade" }, "outbox:old:1"),
    },
    runs: {
      ...{
        id: run,
        conversation_id: conversation,
        lane,
        agent: "ops",
        principal,
        trigger: "chat",
        job: null,
        slot: null,
        attempt: null,
      },
      ...{
        parent_run_id: null,
        state: "done",
        error: null,
        policy_hash: "p",
        prompt_hash: "q",
        taint: null,
        checkpoint: null,
      },
      ...{ cancel_requested_at: null, started_at: daysAgo(1), finished_at: daysAgo(1) },
    },
    run_keys: {
      ...{
        run_id: run,
        wrapped: keyring.runKeys.seal(runKey(run), runKeySeal(run)),
        audit_wrapped: null,
        audit_key_id: null,
        erased_at: null,
      },
    },
    approvals: { state: "denied", expires_at: daysAgo(1) },
    budget_holds: { scopes: "[]" },
    commitments: {
      principal,
      completed_at: null,
      taint: null,
      call_key: "old",
      body: bodies.seal("water the plants", "commitment:old"),
    },
    job_slots: { state: "done", not_before: daysAgo(1), cause: "clock" },
    jobs: { known_since: daysAgo(30) },
    schedules: { next_at: null, cron: null, timezone: "Europe/Berlin" },
    matrix_rooms: { membership: "join" },
    matrix_requests: { state: "done", kind: "verify" },
    alerts_seen: { gone_at: daysAgo(1) },
  };
}

/** 32 bytes that are the same for a run whenever they are asked for. */
const runKey = (run: string): Uint8Array => Buffer.from(run.replaceAll("-", "").repeat(2), "hex");

/** A chain of every kind of row that a plain run has, with the columns of then and no others. */
function journalRows(
  { person, run, conversation }: { person: number; run: string; conversation: string },
  columns: readonly string[],
): Row[] {
  const call = { id: "call_1", name: "time_now", arguments: "{}" };
  const answer = {
    ...{ text: "", toolCalls: [call], usage: { inputTokens: 12, outputTokens: 3, cachedTokens: undefined } },
    ...{ cost: undefined, backend: "main", model: "old-model", finishReason: "stop", milliseconds: 5 },
  };
  const events = [
    {
      type: "run.started",
      messages: [{ role: "user", text: "before the upgrade" }],
      images: [],
      tools: [],
      preface: "",
      request: "before the upgrade",
      taint: [],
    },
    { type: "llm.requested", backend: "main", model: "old-model" },
    { type: "llm.answered", answer },
    { type: "tool.requested", call, known: true, decision: "allow", rule: "grant", taint: [] },
    { type: "tool.finished", call, known: true, result: "noon", outcome: "ok", milliseconds: 1, taint: [] },
    { type: "run.finished", state: "done", text: "noted before the upgrade" },
  ] as unknown as RunEvent[];
  const principal = `telegram:${person}` as const;
  const about = {
    id: run,
    conversationId: conversation,
    lane: "l",
    agent: "ops",
    principal,
    trigger: "chat",
    policyHash: "p",
    promptHash: "q",
  } as const;
  const seal = new Sealer(runKey(run));
  const at = daysAgo(1);
  let previous: Uint8Array = noHash;
  return events.map((event, seq) => {
    const { row } = toJournalRow({ run: about, seq, at, previous }, event, seal);
    const { payload, prev_hash: _, hash: __, ...facts } = row;
    const then = Object.fromEntries(
      Object.entries(facts).filter(([name, value]) => columns.includes(name) && value !== undefined),
    );
    const sealed = payload === null ? undefined : Buffer.from(payload, "base64");
    const hash = chainHash(previous, then, sealed);
    const nulls = Object.fromEntries(columns.map((name) => [name, null]));
    const whole = { ...nulls, ...then, payload: sealed ?? null, prev_hash: previous, hash };
    previous = hash;
    return whole;
  });
}
