import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordedEvent } from "../../../lib/agent/events.ts";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import type { Answer, ToolHost } from "../../../lib/agent/tool-call.ts";
import { RunWaiting } from "../../../lib/agent/waiting.ts";
import { callHash, GrantedCall } from "../../../lib/policy/granted.ts";
import { permissiveScope } from "../../support/granted.ts";
import { answer, call, countingTools, play } from "./support.ts";

const runId = "run";

/** Two calls of a tool that needs a yes and one of a tool that does not, then a text. */
const script = (shown: readonly ModelMessage[]) =>
  shown.some(({ role }) => role === "tool")
    ? answer({ text: "done" })
    : answer({
        toolCalls: [call("a", "asked_do", { n: 1 }), call("b", "free_do", { n: 2 }), call("c", "asked_do", { n: 3 })],
        finishReason: "tool_calls",
      });

/** The policy's own decision, with `asked_do` needing a yes, and answers by the call's seq. */
function hostOf(tools: ReturnType<typeof countingTools>, answers: ReadonlyMap<number, Answer>): Partial<ToolHost> {
  const plain = permissiveScope();
  const scope = { ...plain, agent: { ...plain.agent, ask: ["asked_do"] } };
  return {
    decide(name, { ready, approved }) {
      const tool = tools.registry.get(name);
      assert.ok(tool && ready);
      const place = approved && { place: { runId, seq: approved.seq }, approval: approved.approval };
      return GrantedCall.decide(scope, ready, { request: "", taint: [] }, place);
    },
    answer: async (seq) => answers.get(seq) ?? { state: "pending", asked: answers.size > 0 },
  };
}

/** Runs until it waits; its journal up to there, and its questions. */
async function parked(effect: "idempotent" | "keyed" | "unsafe") {
  const tools = countingTools({ asked_do: effect, free_do: "idempotent" });
  const journal: RecordedEvent[] = [];
  const waiting = await play({ script, tools, journal, host: hostOf(tools, new Map()) }).catch(
    (thrown: unknown) => thrown,
  );
  assert.ok(waiting instanceof RunWaiting);
  journal.push({ seq: journal.length, event: { type: "run.waiting" } });
  return { tools, journal, questions: waiting.questions };
}

const yes = ({ seq, call: ready }: RunWaiting["questions"][number]): [number, Answer] => [
  seq,
  { state: "approved", by: "telegram:1", approval: { callHash: callHash({ runId, seq }, ready) } },
];

test("what needs no yes is done before the run waits, and every call that does is a question of its own", async () => {
  const { tools, questions } = await parked("keyed");
  assert.deepEqual([...tools.executions], [["free_do", 1]]);
  assert.deepEqual(
    questions.map(({ call: { input } }) => input),
    [{ n: 1 }, { n: 3 }],
  );
});

for (const effect of ["idempotent", "keyed", "unsafe"] as const)
  test(`an approved run resumed after any prefix of its journal does its ${effect} calls ${effect === "unsafe" ? "at most once" : "to their end"}`, async () => {
    const { journal: past, questions } = await parked(effect);
    const answers = new Map(questions.map(yes));
    const first = countingTools({ asked_do: effect, free_do: "idempotent" });
    const whole = await play({ script, tools: first, past, host: hostOf(first, answers) });
    assert.equal(whole.text, "done");
    assert.deepEqual([...first.executions], [["asked_do", 2]]);

    for (let length = past.length; length < whole.journal.length; length++) {
      const cut = whole.journal.slice(0, length);
      const tools = countingTools({ asked_do: effect, free_do: "idempotent" });
      const resumed = await play({ script, tools, past: cut, host: hostOf(tools, answers) });
      const count = (type: string): number => cut.filter(({ event }) => event.type === type).length;
      const finished = count("tool.finished") - 1;
      const begun = count("approval.decided") - finished;
      const at = cut.map(({ event }) => event.type).join(" ");
      assert.equal(resumed.text, "done", at);
      assert.equal(tools.executions.get("asked_do") ?? 0, 2 - finished - (effect === "unsafe" ? begun : 0), at);
      assert.equal(resumed.journal.filter(({ event }) => event.type === "approval.decided").length, 2, at);
    }
  });

test("a yes to another place, another run or other arguments runs nothing", async () => {
  const { journal: past, questions } = await parked("keyed");
  const [one, two] = questions;
  assert.ok(one && two);
  const input = { n: 7 };
  const wrong = [
    callHash({ runId, seq: two.seq }, one.call),
    callHash({ runId: "other", seq: one.seq }, one.call),
    callHash({ runId, seq: one.seq }, { ...one.call, input }),
    "",
  ];
  for (const hash of wrong) {
    const tools = countingTools({ asked_do: "keyed", free_do: "idempotent" });
    const answers = new Map<number, Answer>([
      [one.seq, { state: "approved", by: "telegram:1", approval: { callHash: hash } }],
      [two.seq, { state: "denied", by: "telegram:1" }],
    ]);
    const { transcript } = await play({ script, tools, past, host: hostOf(tools, answers) });
    assert.equal(tools.executions.size, 0);
    const results = transcript.messages.filter(({ role }) => role === "tool").map(({ text }) => text);
    assert.match(results[0] ?? "", /^Not permitted: asked_do/);
    assert.match(results[2] ?? "", /^Refused: a person said no/);
  }
});

test("while one question is open the run waits again, and asks nothing twice", async () => {
  const { journal: past, questions } = await parked("keyed");
  const [one] = questions;
  assert.ok(one);
  const tools = countingTools({ asked_do: "keyed", free_do: "idempotent" });
  const host = hostOf(tools, new Map([yes(one)]));
  const again = await play({ script, tools, past, host }).catch((thrown: unknown) => thrown);
  assert.ok(again instanceof RunWaiting);
  assert.deepEqual(again.questions, []);
  assert.deepEqual([...tools.executions], [["asked_do", 1]]);
});

test("a resumed run says so before it does anything", async () => {
  const { journal: past, questions } = await parked("keyed");
  const tools = countingTools({ asked_do: "keyed", free_do: "idempotent" });
  const { journal } = await play({ script, tools, past, host: hostOf(tools, new Map(questions.map(yes))) });
  assert.equal(journal[past.length]?.event.type, "run.resumed");
});
