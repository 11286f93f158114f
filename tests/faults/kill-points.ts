/** Where a gateway is killed, and what must be true of the ledgers when it has come back. */
import assert from "node:assert/strict";
import type { TestDatabase } from "../support/database.ts";
import { expectedHashes, journalOf } from "../support/journal.ts";
import type { ModelServer } from "../support/model-server.ts";
import type { KillAt } from "../support/process.ts";

/** Every checkpoint of lib/checkpoint.ts, those of a model call in both steps. */
export const killPoints: readonly KillAt[] = [
  { point: "inbox.committed", nth: 1 },
  { point: "llm.requested", nth: 1 },
  { point: "llm.answered", nth: 1 },
  { point: "llm.saved", nth: 1 },
  { point: "tool.requested", nth: 1 },
  { point: "tool.started", nth: 1 },
  { point: "tool.ended", nth: 1 },
  { point: "tool.saved", nth: 1 },
  { point: "llm.requested", nth: 2 },
  { point: "llm.answered", nth: 2 },
  { point: "llm.saved", nth: 2 },
  { point: "outbox.committed", nth: 1 },
  { point: "send.started", nth: 1 },
  { point: "send.ended", nth: 1 },
  { point: "send.saved", nth: 1 },
];

/** A step is asked for again only where its answer was not journalled when the process died. */
const timesAsked = ({ point, nth }: KillAt, step: number): number => (nth === step && point === "llm.answered" ? 2 : 1);

/** Which step of a two-step run each request was for. */
const stepsAsked = ({ requests }: ModelServer): number[] =>
  requests.map(({ body }) => ((body["messages"] as { role: string }[]).at(-1)?.role === "tool" ? 2 : 1));

/** One run of two steps (world.ts) that ended well, whatever happened on its way. */
export async function assertOneRun({ sql }: TestDatabase, model: ModelServer, killAt: KillAt): Promise<void> {
  assert.deepEqual(
    [1, 2].map((step) => stepsAsked(model).filter((asked) => asked === step).length),
    [1, 2].map((step) => timesAsked(killAt, step)),
    "model calls of each step",
  );
  const runs = await sql<{ id: string; state: string }[]>`select id, state from runs`;
  assert.deepEqual(
    runs.map(({ state }) => state),
    ["done"],
  );
  const entries = await journalOf(sql, runs[0]?.id ?? "");
  const count = (type: string): number => entries.filter((entry) => entry.type === type).length;
  assert.deepEqual(
    ["run.started", "tool.requested", "tool.finished", "run.finished"].map(count),
    [1, 1, 1, 1],
    "journal entries",
  );
  assert.deepEqual(
    entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
    expectedHashes(entries),
  );
  assert.equal((await sql`select 1 from commitments`).length, 1);
}
