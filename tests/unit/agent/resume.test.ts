import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordedEvent } from "../../../lib/agent/events.ts";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { answer, call, countingTools, play } from "./support.ts";

/** Two tools in one answer, then one more, then a text. */
const script = (shown: readonly ModelMessage[]) => {
  const answers = shown.filter(({ role }) => role === "assistant").length;
  if (answers === 0)
    return answer({
      toolCalls: [call("a", "one_do", { n: 1 }), call("b", "two_do", { n: 2 })],
      finishReason: "tool_calls",
    });
  if (answers === 1) return answer({ toolCalls: [call("c", "two_do", { n: 3 })], finishReason: "tool_calls" });
  return answer({ text: `done with ${shown.filter(({ role }) => role === "tool").length}` });
};

const types = (events: readonly RecordedEvent[]): string[] => events.map(({ event }) => event.type);

for (const effect of ["idempotent", "keyed", "unsafe"] as const)
  test(`a run resumed after any prefix of its journal ends in the same state, its tools ${effect}`, async () => {
    const whole = countingTools({ one_do: effect, two_do: effect });
    const reference = await play({ script, tools: whole });
    assert.equal(reference.text, "done with 3");
    assert.deepEqual([...whole.executions.values()], [1, 2]);

    for (let length = 1; length < reference.journal.length; length++) {
      const past = reference.journal.slice(0, length);
      const tools = countingTools({ one_do: effect, two_do: effect });
      const resumed = await play({ script, tools, past });
      const finished = past.filter(({ event }) => event.type === "tool.finished").length;
      const begun = past.filter(({ event }) => event.type === "tool.requested").length - finished;
      const answered = past.filter(({ event }) => event.type === "llm.answered").length;
      const executed = [...tools.executions.values()].reduce((sum, count) => sum + count, 0);
      const at = `after ${length}: ${types(past).join(" ")}`;

      assert.equal(resumed.text, reference.text, at);
      assert.deepEqual(resumed.transcript.usage, reference.transcript.usage, at);
      assert.equal(resumed.asked, 3 - answered, at);
      assert.equal(executed, 3 - finished - (effect === "unsafe" ? begun : 0), at);
      if (effect !== "unsafe") assert.deepEqual(resumed.transcript.messages, reference.transcript.messages, at);
      else {
        const unknown = resumed.journal.filter(
          ({ event }) => event.type === "tool.finished" && event.outcome === "unknown",
        );
        assert.equal(unknown.length, begun, at);
        const told = resumed.transcript.messages.filter(
          (message) => message.role === "tool" && message.text.startsWith("It is not known whether this happened"),
        );
        assert.equal(told.length, begun, at);
      }
      for (const type of ["tool.requested", "tool.finished"])
        assert.equal(types(resumed.journal).filter((each) => each === type).length, 3, at);
    }
  });

test("a repeated keyed call is given the key of its first attempt", async () => {
  const first = countingTools({ one_do: "keyed", two_do: "keyed" });
  const { journal } = await play({ script, tools: first });
  const begun = journal.findIndex(({ event }) => event.type === "tool.finished");
  const second = countingTools({ one_do: "keyed", two_do: "keyed" });
  await play({ script, tools: second, past: journal.slice(0, begun) });
  assert.equal([...second.keys].filter((key) => first.keys.has(key)).length, 2);
});

test("a tool that was allowed before a crash and is denied now is not executed", async () => {
  const { journal } = await play({ script, tools: countingTools({ one_do: "keyed", two_do: "keyed" }) });
  const begun = journal.findIndex(({ event }) => event.type === "tool.finished");
  const tools = countingTools({ one_do: "keyed", two_do: "keyed" });
  const { transcript } = await play({ script, tools, past: journal.slice(0, begun), denied: ["two_do"] });
  assert.deepEqual([...tools.executions], [["one_do", 1]]);
  const results = transcript.messages.filter(({ role }) => role === "tool").map(({ text }) => text);
  assert.match(results[1] ?? "", /^Not permitted: two_do/);
});
