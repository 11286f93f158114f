import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pendingOf, withApprovals } from "../support/approvals.ts";
import { claw } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import { order } from "../support/injection/directives.ts";
import { wellBehaved } from "../support/injection/worst-case-model.ts";
import { lastRun } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { type ReceivedSpan, startTraceReceiver, type TraceReceiver } from "../support/trace-receiver.ts";
import { until } from "../support/until.ts";
import type { Log } from "../../lib/log.ts";
import { startTracing, type Tracing } from "../../lib/trace/tracing.ts";

let receiver: TraceReceiver;
let stage: Stage;

const canary = "canary-7f3a91";

before(async () => {
  receiver = await startTraceReceiver();
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url;
  process.env["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=shed";
  stage = await startStage({
    script: wellBehaved,
    tracing: soon,
    backend: "price = { input = 2, output = 10 }",
    config: (toml) => withApprovals(toml).replace('tools = ["time_now", ', 'calls = ["helper"]\ntools = ["time_now", '),
  });
});
after(async () => {
  await stage.stop();
  await receiver.stop();
});

const soon = (log: Log): Promise<Tracing> => startTracing(log, { delayMs: 50 });

/** The spans of a run's trace, once its own is among them as often as it was at work. */
async function traceOf(runId: string, times = 1): Promise<ReceivedSpan[]> {
  const ofTrace = (): ReceivedSpan[] => receiver.spans.filter(({ traceId }) => traceId === runId.replaceAll("-", ""));
  await until(
    async () => ofTrace().filter(({ attributes }) => attributes["openclaw.run.id"] === runId).length === times,
  );
  return ofTrace();
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const [found, ...more] = spans.filter((span) => span.name === name);
  assert.ok(found && more.length === 0, `one span ${name} among ${spans.map((span) => span.name).join(", ")}`);
  return found;
};

test("a run is a trace under its own id: model calls and tool calls within it, under GenAI's names", async () => {
  const person = stage.person();
  await stage.say(person, `${canary} ${order("time_now")}`);
  await stage.heard(person);
  const run = await lastRun(stage.gateway.sql, person);
  const spans = await traceOf(run.id);
  assert.deepEqual(spans.map(({ name }) => name).sort(), [
    ...["chat stand-in", "chat stand-in", "execute_tool time_now", "invoke_agent ops"],
  ]);
  const root = named(spans, "invoke_agent ops");
  assert.equal(root.parentSpanId || undefined, undefined);
  assert.ok(spans.every((span) => span === root || span.parentSpanId === root.spanId));
  const { attributes } = root;
  assert.deepEqual(
    [
      "gen_ai.operation.name",
      "gen_ai.agent.name",
      "gen_ai.conversation.id",
      "openclaw.trigger",
      "openclaw.run.state",
    ].map((key) => attributes[key]),
    ["invoke_agent", "ops", run["conversation_id"], "chat", "done"],
  );
  const [first] = spans.filter(({ name }) => name === "chat stand-in");
  const [answered] = await stage.gateway.sql<{ id: string; input: number; cost: number }[]>`
    select response_id as id, input_tokens as input, cost from journal
    where run_id = ${run.id} and type = 'llm.answered' order by seq`;
  assert.deepEqual(
    {
      ...{ operation: first?.attributes["gen_ai.operation.name"], provider: first?.attributes["gen_ai.provider.name"] },
      ...{ request: first?.attributes["gen_ai.request.model"], response: first?.attributes["gen_ai.response.model"] },
      ...{ id: first?.attributes["gen_ai.response.id"], ends: first?.attributes["gen_ai.response.finish_reasons"] },
      ...{ input: first?.attributes["gen_ai.usage.input_tokens"], cost: first?.attributes["openclaw.cost"] },
    },
    {
      ...{ operation: "chat", provider: "main", request: "stand-in", response: "stand-in" },
      ...{ id: answered?.id, ends: ["tool_calls"] },
      ...{ input: answered?.input, cost: answered?.cost },
    },
  );
  const tool = named(spans, "execute_tool time_now").attributes;
  assert.deepEqual(
    [tool["gen_ai.operation.name"], tool["gen_ai.tool.name"], tool["openclaw.decision"]],
    ["execute_tool", "time_now", "allow"],
  );
  assert.ok(tool["gen_ai.tool.call.id"] && String(tool["openclaw.rule"]).startsWith("agents.ops.tools"));
  assert.equal(receiver.resource()["service.name"], "openclaw");
  assert.equal(receiver.resource()["deployment.environment.name"], "shed");
});

test("an agent that was asked is a part of the trace of the one that asked", async () => {
  const person = stage.person();
  await stage.say(person, order("agent_ask", { agent: "helper", request: `${canary} ${order("time_now")}` }));
  await stage.heard(person);
  const [outer] = await stage.gateway.sql<{ id: string }[]>`
    select id from runs where principal = ${`telegram:${person}`} and trigger = 'chat'`;
  const spans = await traceOf(outer?.id ?? "");
  const asking = named(spans, "execute_tool agent_ask");
  const asked = named(spans, "invoke_agent helper");
  assert.equal(asked.parentSpanId, asking.spanId);
  assert.equal(named(spans, "execute_tool time_now").parentSpanId, asked.spanId);
});

test("a run that waits for an approver goes on in the same trace", async () => {
  const person = stage.person();
  await stage.say(person, order("commitments_add", { text: canary }));
  const { code } = await pendingOf(stage.gateway.sql, `telegram:${person}`);
  const { id } = await lastRun(stage.gateway.sql, person);
  const before = await traceOf(id);
  assert.equal(named(before, "invoke_agent ops").attributes["openclaw.run.state"], "waiting");
  const env = {
    ...testEnvironment,
    ...{ OPENCLAW_CONFIG: stage.gateway.holder.current.file, DATABASE_URL: stage.gateway.databaseUrl },
  };
  assert.equal((await claw(env, "approvals", "approve", code)).code, 0);
  const spans = await traceOf(id, 2);
  const states = spans.map(({ attributes }) => attributes["openclaw.run.state"]).filter((state) => state !== undefined);
  assert.deepEqual(states, ["waiting", "done"]);
});

test("a model that fails and a call that is denied are errors, by their kind", async () => {
  const person = stage.person();
  await stage.say(person, order("http_get", { url: "https://example.com" }));
  await stage.heard(person);
  const denied = await traceOf((await lastRun(stage.gateway.sql, person)).id);
  const call = named(denied, "execute_tool http_get");
  assert.deepEqual(
    [call.status, call.attributes["error.type"], call.attributes["openclaw.decision"]],
    [2, "denied", "deny"],
  );

  const other = stage.person();
  stage.model.setScript({ status: 500, body: { error: { message: canary } } });
  await stage.say(other, "hello");
  await stage.heard(other);
  stage.model.setScript(wellBehaved);
  const failed = await traceOf((await lastRun(stage.gateway.sql, other)).id);
  assert.deepEqual(
    failed.map(({ name, status, attributes }) => [name, status, attributes["error.type"]]),
    [
      ["chat stand-in", 2, "backend_failed"],
      ["invoke_agent ops", 2, "backend_failed"],
    ],
  );
});

test("nothing that was said, called, returned or kept, no name of a person and no secret is in what was sent", async () => {
  const person = stage.person();
  await stage.send(person, {
    text: `${canary} ${order("commitments_add", { text: canary })}${order("commitments_list")}`,
    forward_origin: { type: "hidden_user", sender_user_name: canary, date: 1_780_000_000 },
  });
  await pendingOf(stage.gateway.sql, `telegram:${person}`);
  await traceOf((await lastRun(stage.gateway.sql, person)).id);
  const sent = receiver.raw();
  assert.ok(sent.includes("execute_tool commitments_add"));
  for (const text of [canary, "telegram:2", ...Object.values(testEnvironment)]) assert.ok(!sent.includes(text), text);
});

test("a collector that is away costs a warning, and no run", async () => {
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9";
  const lonely = await startStage({ tracing: soon });
  try {
    const person = lonely.person();
    await lonely.say(person, "hello");
    assert.equal(await lonely.heard(person), "Hello.");
    assert.equal((await lastRun(lonely.gateway.sql, person))["state"], "done");
  } finally {
    process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url;
    await lonely.stop();
  }
  const warnings = lonely.gateway.log().match(/traces could (not )?be sent/g) ?? [];
  assert.equal(warnings.length, 1);
});
