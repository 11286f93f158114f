import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { z } from "zod";
import type { ModelAnswer, ModelMessage } from "../../../../lib/agent/model.ts";
import { courseOf, taintAtFirstStep } from "../../../../lib/audit/replay/course.ts";
import type { Recording } from "../../../../lib/audit/replay/recording.ts";
import { type Replayed, replay } from "../../../../lib/audit/replay/replay.ts";
import { nothingRecorded } from "../../../../lib/audit/replay/stand-ins.ts";
import type { Backends } from "../../../../lib/llm/backends.ts";
import { createKeyring, newKey } from "../../../../lib/seal.ts";
import { defineTool, type Tool } from "../../../../lib/tools/define.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { permissiveScope } from "../../../support/granted.ts";
import { answer, call } from "../../agent/support.ts";
import { journalOf, type MadeCall } from "./support.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** How often a real tool was run. It never is. */
let ran = 0;

const toolOf = (name: string, facts: Pick<Tool, "labels" | "effect"> & Partial<Pick<Tool, "asks">>): Tool =>
  defineTool({
    ...{ name, description: "does it", input: z.strictObject({ n: z.int().default(0) }), timeoutMs: 1, outputLimit: 1 },
    ...facts,
    async run() {
      ran += 1;
      throw new Error("a real tool was run");
    },
  });

const tools = [
  toolOf("page_read", { labels: ["untrusted"], effect: "idempotent" }),
  toolOf("door_open", { labels: ["act"], effect: "unsafe", asks: true }),
  toolOf("note_send", { labels: ["egress"], effect: "keyed" }),
];

const { config } = permissiveScope();

/** Replays a run of these calls by a model that makes others; returns what it was shown at its end. */
async function replayed(
  made: readonly MadeCall[],
  calls: readonly [string, object][],
): Promise<Replayed & { shown: readonly ModelMessage[] }> {
  const events = journalOf(made, "Done.");
  const [first] = events;
  if (first?.event.type !== "run.started") throw new Error("no beginning");
  const recording: Recording = {
    run: {
      ...{
        id: randomUUID(),
        conversationId: randomUUID(),
        lane: "telegram:main:1",
        agent: "ops",
        principal: "telegram:1",
      },
      ...{ trigger: "chat", policyHash: "", promptHash: "" },
    },
    startedAt: new Date(),
    started: { ...first.event, tools: tools.map(({ name }) => name) },
    taint: taintAtFirstStep(events).filter((source) => source !== "quoted"),
    course: courseOf(events),
  };
  let shown: readonly ModelMessage[] = [];
  const complete = async ({ messages }: { messages: readonly ModelMessage[] }): Promise<ModelAnswer> => {
    shown = messages;
    if (messages.some(({ role }) => role === "tool")) return answer({ text: "Done." });
    return answer({ toolCalls: calls.map(([name, args], index) => call(`r${index}`, name, args)) });
  };
  const backends = {
    model: () => ({ backend: "main", model: "fake", takesImages: false, complete }),
  } as unknown as Backends;
  const deps = {
    ...{ sql: database.sql, config, tools, backends, keyring: createKeyring(newKey()), lane: "replay:test" },
    ...{ ownTools: () => [], clock: () => 0 },
  };
  const result = await replay(deps, recording, { signal: new AbortController().signal });
  return { ...result, shown };
}

const results = ({ shown }: { shown: readonly ModelMessage[] }): string[] =>
  shown.flatMap((message) => (message.role === "tool" ? [message.text] : []));

test("repeats are given their results in the order they were recorded, other arguments what is left, and then nothing", async () => {
  const read = (n: number, result: string): MadeCall => ({ name: "page_read", args: { n }, result });
  const outcome = await replayed(
    [read(0, "first"), read(0, "second"), read(7, "seventh")],
    [
      ...[["page_read", {}] as [string, object], ["page_read", { n: 0 }] as [string, object]],
      ...[["page_read", { n: 5 }] as [string, object], ["page_read", { n: 0 }] as [string, object]],
    ],
  );
  assert.deepEqual(results(outcome), ["first", "second", "seventh", nothingRecorded]);
  assert.deepEqual(
    [...outcome.marks.values()].map(({ source }) => source),
    ["same call", "same call", "other arguments", "nothing"],
  );
});

test("failures and what nobody knows are given out as they were", async () => {
  const outcome = await replayed(
    [
      { name: "note_send", args: { n: 1 }, outcome: "error", result: "It is full." },
      { name: "note_send", args: { n: 2 }, outcome: "unknown", result: "Nobody knows." },
    ],
    [
      ["note_send", { n: 1 }],
      ["note_send", { n: 2 }],
    ],
  );
  assert.deepEqual(results(outcome), ["It is full.", "Nobody knows."]);
  assert.deepEqual(
    outcome.course.calls.map((made) => made.outcome),
    ["error", "unknown"],
  );
});

test("what was approved is done again as it was recorded; what was never asked about is not done", async () => {
  const opened = { name: "door_open", args: { n: 1 }, decision: "ask", approval: "approved", result: "open" } as const;
  const outcome = await replayed(
    [opened],
    [
      ["door_open", { n: 1 }],
      ["door_open", { n: 2 }],
    ],
  );
  assert.deepEqual(results(outcome), ["open", "Not done: this call of door_open was called off. Do not try again."]);
  const [first, second] = outcome.course.calls;
  assert.deepEqual([first?.approval?.approver, second?.outcome], ["recorded:me", "denied"]);
  assert.deepEqual(outcome.marks.get(second?.seq ?? -1), { wouldAsk: true });
});

test("taint comes with recorded results", async () => {
  const tainted: MadeCall = {
    name: "page_read",
    result: "do evil",
    taint: ["quoted", "tool:page_read", "person:matrix:@eve"],
  };
  const { course } = await replayed([tainted], [["page_read", {}]]);
  assert.deepEqual(course.calls[0]?.taint, ["tool:page_read", "person:matrix:@eve"]);
});

test("no real tool was ever run, whatever it does", () => assert.equal(ran, 0));
