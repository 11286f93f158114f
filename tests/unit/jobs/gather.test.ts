import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { RunEvent } from "../../../lib/agent/events.ts";
import type { FixedCall } from "../../../lib/agent/job-function.ts";
import type { ToolHost } from "../../../lib/agent/tool-call.ts";
import { readSources, recordedReadings } from "../../../lib/jobs/gather.ts";
import { decide } from "../../../lib/policy/decide.ts";
import { GrantedCall } from "../../../lib/policy/granted.ts";
import { Taint } from "../../../lib/policy/taint.ts";
import { defineTool, type Tool, type ToolContext, type ToolDefinition } from "../../../lib/tools/define.ts";
import { permissiveScope } from "../../support/granted.ts";

const tool = (name: string, run: ToolDefinition["run"], more: Partial<ToolDefinition> = {}): Tool =>
  defineTool({
    ...{ name, description: "Reads.", input: z.strictObject({ day: z.int().optional() }), labels: [] },
    ...{ effect: "idempotent", timeoutMs: 200, outputLimit: 40, run, ...more },
  });

/** A host that grants all but what is named in `deny`. */
function hostOf(tools: readonly Tool[], deny: readonly string[] = []): { host: ToolHost; taint: Taint } {
  const taint = new Taint();
  const scope = permissiveScope(deny);
  const find = (name: string) => tools.find((each) => each.name === name);
  const host: ToolHost = {
    find,
    decide(name, { ready }) {
      const found = find(name);
      if (!found) return { decision: { decision: "deny", rule: "no tool has this name" }, granted: undefined };
      if (ready) return GrantedCall.decide(scope, ready, { request: "", taint: [] });
      return { decision: decide(scope, { tool: found, args: undefined, request: "", taint: [] }), granted: undefined };
    },
    get taint() {
      return taint.sources;
    },
    addTaint: (sources) => taint.add(sources),
    answer: async () => ({ state: "pending", asked: false }),
    context: (callKey, signal) =>
      ({ callKey, signal, addTaint: (sources: readonly string[]) => taint.add(sources) }) as unknown as ToolContext,
  };
  return { host, taint };
}

const call = (name: string, args: FixedCall["args"] = {}): FixedCall => ({ tool: name, args, title: `The ${name}` });
const gather = (host: ToolHost, calls: readonly FixedCall[], signal = new AbortController().signal) =>
  readSources({ host, signal, clock: () => 0 }, calls);

const started = (calls: readonly FixedCall[]): RunEvent => ({
  ...{ type: "run.started", messages: [], images: [], tools: [], preface: "", request: "", taint: [] },
  job: {
    ...{ name: "news", slot: "2026-01-05T07:00:00.000Z", previous: "2026-01-04T07:00:00.000Z", attempt: 1 },
    titles: calls.map(({ title }) => title),
  },
});

test("sources are read side by side, and the journal gives the same readings back", async () => {
  let atWork = 0;
  const both = Promise.withResolvers<void>();
  const run = async (): Promise<{ text: string; data: unknown }> => {
    if (++atWork === 2) both.resolve();
    await both.promise;
    return { text: "text", data: { n: 1 } };
  };
  const { host, taint } = hostOf([tool("feed_read", run, { labels: ["untrusted"] }), tool("mail_read", run)]);
  const calls = [call("feed_read", { day: 1 }), call("mail_read")];
  const { readings, events } = await gather(host, calls);
  assert.deepEqual(
    readings.map(({ state, text, data }) => [state, text, data]),
    [
      ["read", "text", { n: 1 }],
      ["read", "text", { n: 1 }],
    ],
  );
  assert.deepEqual(taint.sources, ["tool:feed_read"]);
  const past = [started(calls), ...events].map((event, seq) => ({ seq, event }));
  assert.deepEqual(recordedReadings(past)?.readings, readings);
});

test("one that fails, is slow, wants other arguments or changes something is told as failed, with why", async () => {
  const tools = [
    tool("bad_read", async () => Promise.reject(new Error("down"))),
    tool("slow_read", async () => new Promise(() => {})),
    tool("good_read", async () => "fine"),
    tool("act_do", async () => "done", { labels: ["act"] }),
  ];
  const calls = [
    ...[call("bad_read"), call("slow_read"), call("good_read", { day: "monday" }), call("act_do"), call("none_read")],
    call("good_read"),
  ];
  const { host } = hostOf(tools);
  const { readings, events } = await gather(host, calls);
  assert.deepEqual(
    readings.map(({ state }) => state),
    ["failed", "failed", "failed", "failed", "failed", "read"],
  );
  const expected = [/down/, /took longer than/, /arguments were refused/, /only read/, /no tool named/, /^fine$/];
  for (const [index, { text }] of readings.entries()) assert.match(text, expected[index] ?? /never/);
  const past = [started(calls), ...events].map((event, seq) => ({ seq, event }));
  assert.deepEqual(
    recordedReadings(past)?.readings.map(({ state, text }) => [state, text]),
    readings.map(({ state, text }) => [state, text]),
  );
});

test("one that config does not grant is absent, and journalled as denied", async () => {
  const { host } = hostOf([tool("feed_read", async () => "news")], ["feed_*"]);
  const { readings, events } = await gather(host, [call("feed_read")]);
  assert.equal(readings[0]?.state, "absent");
  assert.deepEqual(
    events.map((event) => ("decision" in event ? event.decision : "outcome" in event ? event.outcome : event.type)),
    ["deny", "denied"],
  );
});

test("a long result is cut for the model and whole for code", async () => {
  const { host } = hostOf([tool("feed_read", async () => ({ text: "x".repeat(100), data: "x".repeat(100) }))]);
  const { readings } = await gather(host, [call("feed_read")]);
  assert.match(readings[0]?.text ?? "", /^x{40}\n\[cut/);
  assert.equal(readings[0]?.data, "x".repeat(100));
});

test("what is stopped throws", async () => {
  const { host } = hostOf([tool("slow_read", async () => new Promise(() => {}))]);
  const stop = new AbortController();
  const reading = gather(host, [call("slow_read")], stop.signal);
  stop.abort();
  await assert.rejects(reading, /cancelled/);
});

test("the calls of a model are no readings", () => {
  const calls = [call("feed_read")];
  const made: RunEvent = {
    ...{ type: "tool.finished", call: { id: "source-0", name: "evil_read", arguments: "{}" }, known: true },
    ...{ result: "forged", outcome: "ok", milliseconds: 1, taint: [] },
  };
  const past = [started(calls), { type: "llm.requested", backend: "main", model: "m" } as const, made];
  assert.deepEqual(recordedReadings(past.map((event, seq) => ({ seq, event })))?.readings, []);
});
