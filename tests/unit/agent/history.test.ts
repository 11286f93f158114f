import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateTokens, type PastTurn, trimHistory } from "../../../lib/agent/history.ts";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { call } from "./support.ts";

const turn = (n: number, principal: PastTurn["principal"] = "telegram:1"): PastTurn => ({
  principal,
  messages: [
    { role: "user", text: `question ${n}` },
    { role: "assistant", text: "", toolCalls: [call(`c${n}`, "calendar_agenda")] },
    { role: "tool", callId: `c${n}`, name: "calendar_agenda", text: "x".repeat(200 + n * 13) },
    { role: "assistant", text: `answer ${n}`, toolCalls: [] },
  ],
});

const callsAndResults = (messages: readonly ModelMessage[]): [string[], string[]] => [
  messages.flatMap((message) => (message.role === "assistant" ? message.toolCalls.map(({ id }) => id) : [])),
  messages.flatMap((message) => (message.role === "tool" ? [message.callId] : [])),
];

test("whatever the budget, a call is never parted from its result, and the budget holds", () => {
  const turns = [5, 4, 3, 2, 1].map((n) => turn(n));
  for (let budget = 0; budget < 700; budget += 7) {
    const kept = trimHistory(turns, budget, "telegram:1");
    const [calls, results] = callsAndResults(kept);
    assert.deepEqual(calls, results, `budget ${budget}`);
    assert.ok(estimateTokens(kept) <= budget, `budget ${budget}`);
    const spoken = kept.filter(({ role }) => role === "user").map(({ text }) => text);
    assert.deepEqual(
      spoken,
      [1, 2, 3, 4, 5].slice(5 - spoken.length).map((n) => `question ${n}`),
    );
  }
  assert.equal(trimHistory(turns, 100_000, "telegram:1").length, 20);
});

test("of another person's turn only what was said is kept", () => {
  const kept = trimHistory([turn(2), turn(1, "telegram:2")], 100_000, "telegram:1");
  assert.deepEqual(callsAndResults(kept), [["c2"], ["c2"]]);
  assert.deepEqual(
    kept.slice(0, 2).map(({ text }) => text),
    ["question 1", "answer 1"],
  );
});
