import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { ResponsesAnswer } from "../../../lib/llm/responses.ts";
import { type Script, startModelServer } from "../../support/model-server.ts";
import { responseChunks } from "../../support/model-wire.ts";
import { backendOf, configOf, failureOf, harness, requestOf, shapes } from "./support.ts";

describe("the Responses API", async () => {
  const server = await startModelServer({ text: "" });
  after(() => server.stop());
  const { backends } = harness();
  const ask = (script: Script, fields: Parameters<typeof requestOf>[0] = {}, retries = 0) => {
    server.setScript(script);
    server.requests.length = 0;
    const config = configOf(backendOf("main", { base_url: server.url, api: "responses", images: true, retries }));
    return backends.model(config, "main").complete(requestOf(fields));
  };
  const calling = { text: "Looking.", toolCalls: [{ name: "time_now", arguments: { zone: "UTC" }, id: "a" }] };

  test("gives text, tool calls, usage and ids", async () => {
    const answer = await ask({ ...calling, usage: { input: 9, output: 4, cached: 8 } });
    assert.equal(answer.text, "Looking.");
    assert.deepEqual(answer.toolCalls, [{ id: "a", name: "time_now", arguments: '{"zone":"UTC"}' }]);
    assert.equal(answer.finishReason, "tool_calls");
    assert.deepEqual(answer.usage, { inputTokens: 9, outputTokens: 4, cachedTokens: 8 });
    assert.match(answer.responseId ?? "", /^resp_/);
    assert.match(answer.requestId ?? "", /^req_/);
    assert.equal((await ask({ text: "Hi.", usage: null })).usage, undefined);
  });

  test("gives the reasoning within the output, and what the provider says that it cost", async () => {
    const answer = await ask({ text: "Hi.", usage: { input: 9, output: 40, reasoning: 30, cost: 0.25 } });
    assert.equal(answer.usage?.outputTokens, 40);
    assert.equal(answer.usage.reasoningTokens, 30);
    assert.deepEqual(answer.cost, { amount: 0.25, source: "provider" });
  });

  test("is a refusal where its text is put under that name, or a filter has cut it", async () => {
    const message = (content: object) => ({ output: [{ type: "message", content: [content] }] });
    const ended = (response: object) => ({
      raw: `data: ${JSON.stringify({ type: "response.completed", response })}\n\ndata: [DONE]\n\n`,
    });
    const refused = await ask(ended(message({ type: "refusal", refusal: "Nein." })));
    assert.deepEqual([refused.text, refused.refusal], ["Nein.", true]);
    const cut = { status: "incomplete", incomplete_details: { reason: "content_filter" } };
    assert.equal((await ask(ended({ ...message({ text: "So" }), ...cut }))).refusal, true);
    assert.equal((await ask(ended(message({ text: "Nein." })))).refusal, false);
  });

  test("is asked to keep nothing, with the conversation as items", async () => {
    const messages: ModelMessage[] = [
      { role: "system", text: "Be brief." },
      { role: "user", text: "See", images: [{ mime: "image/gif", bytes: new Uint8Array([1, 2, 3]) }] },
      { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "time_now", arguments: "{}" }] },
      { role: "tool", callId: "c1", name: "time_now", text: "noon" },
    ];
    await ask({ text: "ok" }, { messages });
    const [request] = server.requests;
    assert.equal(request?.path, "/v1/responses");
    const { body } = request;
    assert.equal(body.store, false);
    assert.equal(body.max_output_tokens, 512);
    assert.deepEqual(body.input, [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "input_text", text: "See" },
          { type: "input_image", image_url: "data:image/gif;base64,AQID", detail: "auto" },
        ],
      },
      { type: "function_call", call_id: "c1", name: "time_now", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "noon" },
    ]);
    assert.equal((body.tools as { name: string }[])[0]?.name, "time_now");
  });

  test("marks an answer cut by its length", async () => {
    const answer = await ask({ ...calling, finishReason: "length" });
    assert.equal(answer.finishReason, "length");
  });

  test("whose stream breaks off at any event never yields a tool call, and is asked again", async () => {
    const events = responseChunks(calling, { n: 1, model: "stand-in", withUsage: true });
    for (let count = 0; count < events.length; count++)
      for (const ending of ["cutAfter", "endAfter"])
        assert.equal((await failureOf(ask({ ...calling, [ending]: count }))).code, "backend_failed");
    const answer = await ask([{ ...calling, endAfter: 3 }, calling], {}, 1);
    assert.deepEqual(shapes(answer.toolCalls), [["time_now", '{"zone":"UTC"}']]);
  });

  test("that fails inside the stream is judged by the error it names", async () => {
    const failed = { type: "response.failed", response: { error: { code: "server_error", message: "oops" } } };
    const answer = await ask([{ raw: `data: ${JSON.stringify(failed)}\n\n` }, { text: "ok" }], {}, 1);
    assert.equal(answer.text, "ok");
  });

  test("makes duplicate and missing call ids unique", async () => {
    const call = { type: "function_call", name: "time_now", arguments: "" };
    const output = [{ ...call, call_id: "x" }, { ...call, call_id: "x" }, call];
    const completed = { type: "response.completed", response: { id: "r", status: "completed", output } };
    const { toolCalls } = await ask({ raw: `data: ${JSON.stringify(completed)}\n\n` });
    assert.equal(new Set(toolCalls.map(({ id }) => id)).size, 3);
    assert.deepEqual(shapes(toolCalls), Array(3).fill(["time_now", "{}"]));
  });
});

test("items that are none are passed over, whatever stands in their place", () => {
  const answer = new ResponsesAnswer();
  const whole = { type: "message", content: [null, 7, { text: "hi" }] };
  for (const item of [whole, { type: "message", content: "hi" }, { type: "message" }, "item"])
    answer.add({ type: "response.output_item.done", item } as object);
  assert.deepEqual(answer.content(), { text: "hi", refused: false, toolCalls: [] });
  const other = new ResponsesAnswer();
  assert.ok(other.add({ type: "response.completed", response: { output: [null, whole] } } as object));
  assert.deepEqual(other.content(), { text: "hi", refused: false, toolCalls: [] });
  const third = new ResponsesAnswer();
  third.add({ type: "response.completed", response: { output: 7 } } as object);
  assert.deepEqual(third.content(), { text: "", refused: false, toolCalls: [] });
});
