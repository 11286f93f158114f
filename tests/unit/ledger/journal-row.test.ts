import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent } from "../../../lib/agent/events.ts";
import { fromJournalRow, type StoredJournalRow } from "../../../lib/ledger/journal-read.ts";
import { noHash, toJournalRow } from "../../../lib/ledger/journal-row.ts";
import type { Run } from "../../../lib/ledger/run.ts";
import { Sealer } from "../../../lib/seal.ts";
import { answer, call } from "../agent/support.ts";

const seal = new Sealer(new Uint8Array(32).fill(7));
const at = new Date("2026-01-02T03:04:05.678Z");
const someCall = call("c1", "time_now", { zone: "canary" });

const events: RunEvent[] = [
  {
    type: "run.started",
    messages: [{ role: "user", text: "canary" }],
    images: [],
    tools: ["time_now"],
    preface: "canary",
    request: "canary",
    taint: ["forwarded", "tool:http_get"],
  },
  { type: "run.waiting" },
  { type: "run.resumed", policyHash: "0f" },
  { type: "llm.requested", backend: "main", model: "m" },
  { type: "llm.answered", answer: answer({ text: "canary", toolCalls: [someCall], responseId: "r", requestId: "q" }) },
  { type: "llm.answered", answer: answer({ usage: undefined }) },
  {
    type: "llm.answered",
    answer: answer({
      usage: { inputTokens: 5, outputTokens: 4, cachedTokens: 3, reasoningTokens: 2 },
      cost: { amount: 0.1 + 0.2, source: "config" },
      requestModel: "m",
      refusal: true,
    }),
  },
  { type: "llm.consulted", answer: answer({ text: "canary", responseId: "r", requestId: "q" }) },
  { type: "llm.failed", errorType: "backend_failed", reason: "canary" },
  { type: "tool.requested", call: someCall, known: true, decision: "ask", rule: "r", taint: ["quoted"] },
  { type: "approval.decided", call: someCall, outcome: "approved", approver: "telegram:1" },
  { type: "approval.decided", call: someCall, outcome: "expired", approver: "" },
  { type: "tool.requested", call: call("c2", "canary"), known: false, decision: "deny", rule: "r", taint: [] },
  { type: "tool.finished", call: someCall, known: true, result: "canary", outcome: "ok", milliseconds: 3, taint: [] },
  {
    type: "tool.finished",
    call: someCall,
    known: true,
    result: "canary",
    outcome: "unknown",
    milliseconds: 3,
    taint: ["media"],
  },
  { type: "run.finished", state: "failed", errorType: "limit_reached", text: "canary" },
];

const run: Run = {
  id: "run",
  conversationId: "c",
  lane: "l",
  agent: "ops",
  principal: "telegram:1",
  trigger: "chat",
  policyHash: "0f",
  promptHash: "1e",
};
const place = (seq: number) => ({ run, seq, at, previous: noHash });

for (const [seq, event] of events.entries())
  test(`${event.type} (${seq}) is read back from its row as it was written, and only its payload holds what was said`, () => {
    const { row } = toJournalRow(place(seq), event, seal);
    const stored = { ...row, payload: row.payload === null ? null : Buffer.from(row.payload, "base64") };
    assert.deepEqual(fromJournalRow("run", stored as unknown as StoredJournalRow, seal), { seq, event });
    assert.ok(!JSON.stringify(row).includes("canary"));
  });

test("a hash changes with every column, with the payload and with what went before", () => {
  const hashes = new Set<string>();
  const add = (previous: Uint8Array, seq: number, event: RunEvent): void =>
    void hashes.add(toJournalRow({ run, seq, at, previous }, event, seal).row.hash);
  add(noHash, 0, { type: "llm.requested", backend: "main", model: "m" });
  add(noHash, 1, { type: "llm.requested", backend: "main", model: "m" });
  add(noHash, 0, { type: "llm.requested", backend: "main", model: "n" });
  add(new Uint8Array(32).fill(1), 0, { type: "llm.requested", backend: "main", model: "m" });
  assert.equal(hashes.size, 4);
});

test("a payload moved to another place of the journal does not open", () => {
  const { row } = toJournalRow(place(0), events[0]!, seal);
  const stored = { ...row, seq: 1, payload: Buffer.from(row.payload ?? "", "base64") };
  assert.throws(() => fromJournalRow("run", stored, seal), { code: "environment" });
});
