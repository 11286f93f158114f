import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { type ModelServer, type Script, startModelServer } from "../../support/model-server.ts";
import { backendOf, configOf, harness, requestOf, shapes } from "./support.ts";

describe("a chat completion", async () => {
  const server: ModelServer = await startModelServer({ text: "" });
  after(() => server.stop());
  const { backends } = harness();
  const settings = { base_url: server.url, retries: 0 };
  const ask = (script: Script, fields: Parameters<typeof requestOf>[0] = {}, images = false) => {
    server.setScript(script);
    server.requests.length = 0;
    const config = configOf(backendOf("main", { ...settings, images }));
    return backends.model(config, "main").complete(requestOf(fields));
  };

  test("gives the text, usage, ids and model the server reports", async () => {
    const answer = await ask({
      text: "Grüße, 世界: many words that go over the wire in more than one piece.",
      usage: { input: 7, output: 3, cached: 2 },
    });
    assert.equal(answer.text, "Grüße, 世界: many words that go over the wire in more than one piece.");
    assert.deepEqual(answer.usage, { inputTokens: 7, outputTokens: 3, cachedTokens: 2 });
    assert.deepEqual(answer.toolCalls, []);
    assert.equal(answer.finishReason, "stop");
    assert.equal(answer.backend, "main");
    assert.equal(answer.model, "stand-in");
    assert.match(answer.requestId ?? "", /^req_\d+$/);
    assert.match(answer.responseId ?? "", /^chatcmpl_\d+$/);
    assert.ok(answer.milliseconds >= 0);
  });

  test("gives the reasoning within the output, and what the provider says that it cost", async () => {
    const answer = await ask({ text: "Hi.", usage: { input: 9, output: 40, reasoning: 30, cost: 0.25 } });
    assert.equal(answer.usage?.outputTokens, 40);
    assert.equal(answer.usage.reasoningTokens, 30);
    assert.deepEqual(answer.cost, { amount: 0.25, source: "provider" });
    assert.equal(answer.requestModel, "stand-in");
  });

  test("takes cached tokens under DeepSeek's name, too", async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 8 };
    const chunk = { choices: [{ delta: { content: "Hi." }, finish_reason: "stop" }], usage };
    const answer = await ask({ raw: `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n` });
    assert.deepEqual(answer.usage, { inputTokens: 9, outputTokens: 1, cachedTokens: 8 });
  });

  test("is a refusal where its text is put under that name, a filter has cut it, or it declines", async () => {
    const ended = (delta: object, finish_reason = "stop") => ({
      raw: `data: ${JSON.stringify({ choices: [{ delta, finish_reason }] })}\n\ndata: [DONE]\n\n`,
    });
    const refused = await ask(ended({ refusal: "Nein." }));
    assert.deepEqual([refused.text, refused.refusal], ["Nein.", true]);
    assert.equal((await ask(ended({ content: "So" }, "content_filter"))).refusal, true);
    assert.equal((await ask(ended({ content: "I can't help with that." }))).refusal, true);
    assert.equal((await ask(ended({ content: "Nein." }))).refusal, false);
  });

  test("keeps characters whole that are split between packets", async () => {
    const bytes = `data: {"choices":[{"delta":{"content":"é世🙂"},"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n`;
    const answer = await ask({ raw: bytes });
    assert.equal(answer.text, "é世🙂");
  });

  test("asks for a stream with usage, and sends nothing but the key, the model and the request", async () => {
    await ask({ text: "ok" });
    const [request] = server.requests;
    assert.deepEqual(Object.keys(request?.body ?? {}).sort(), [
      "max_tokens",
      "messages",
      "model",
      "stream",
      "stream_options",
      "tools",
    ]);
    assert.deepEqual(request?.body.stream_options, { include_usage: true });
    const headers = Object.keys(request?.headers ?? {}).sort();
    const expected = ["accept", "authorization", "connection", "content-length", "content-type", "host", "user-agent"];
    assert.deepEqual(headers, expected);
  });

  test("sends no tools field where no tool is offered", async () => {
    await ask({ text: "ok" }, { tools: [] });
    assert.equal("tools" in (server.requests[0]?.body ?? {}), false);
  });

  test("has undefined usage where the server reports none", async () => {
    assert.equal((await ask({ text: "ok", usage: null })).usage, undefined);
  });

  test("passes an empty answer on as it is", async () => {
    const answer = await ask({ text: "" });
    assert.equal(answer.text, "");
    assert.deepEqual(answer.toolCalls, []);
    assert.equal(answer.finishReason, "stop");
  });

  test("passes tool calls of an answer cut by its length on, marked so", async () => {
    const answer = await ask({ toolCalls: [{ name: "time_now", arguments: '{"zone": "Eur' }], finishReason: "length" });
    assert.equal(answer.finishReason, "length");
    assert.deepEqual(shapes(answer.toolCalls), [["time_now", '{"zone": "Eur']]);
  });

  test("puts parallel tool calls together by index", async () => {
    const answer = await ask({
      toolCalls: [
        { name: "time_now", arguments: { zone: "UTC" }, id: "a" },
        { name: "time_now", arguments: { zone: "Asia/Tokyo" }, id: "b" },
      ],
    });
    assert.deepEqual(answer.toolCalls, [
      { id: "a", name: "time_now", arguments: '{"zone":"UTC"}' },
      { id: "b", name: "time_now", arguments: '{"zone":"Asia/Tokyo"}' },
    ]);
  });

  test("makes duplicate call ids of one answer unique", async () => {
    const call = { name: "time_now", arguments: {}, id: "same" };
    const { toolCalls } = await ask({ toolCalls: [call, call, call] });
    assert.equal(new Set(toolCalls.map(({ id }) => id)).size, 3);
    assert.equal(toolCalls[0]?.id, "same");
    assert.deepEqual(shapes(toolCalls), Array(3).fill(["time_now", "{}"]));
  });

  test("makes ids that are missing, and none an earlier call of the conversation has", async () => {
    const messages: ModelMessage[] = [
      { role: "user", text: "hi" },
      { role: "assistant", text: "", toolCalls: [{ id: "call_1", name: "time_now", arguments: "{}" }] },
      { role: "tool", callId: "call_1", name: "time_now", text: "noon" },
    ];
    const call = { name: "time_now", arguments: {}, id: null };
    const { toolCalls } = await ask({ toolCalls: [call, call, { ...call, id: "call_1" }] }, { messages });
    const ids = toolCalls.map(({ id }) => id);
    assert.equal(new Set([...ids, "call_1"]).size, 4);
    for (const id of ids) assert.match(id, /^call_/);
  });

  test("puts calls together that come without an index", async () => {
    const { toolCalls } = await ask({
      toolCalls: [
        { name: "time_now", arguments: { zone: "UTC" }, index: null, id: null },
        { name: "other_tool", arguments: { a: 1 }, index: null, id: "x" },
      ],
    });
    assert.deepEqual(shapes(toolCalls), [
      ["time_now", '{"zone":"UTC"}'],
      ["other_tool", '{"a":1}'],
    ]);
  });

  test("tells calls apart that all claim index 0", async () => {
    const { toolCalls } = await ask({
      toolCalls: [
        { name: "time_now", arguments: { zone: "UTC" }, index: 0, id: "x" },
        { name: "time_now", arguments: { zone: "CET" }, index: 0, id: "y" },
      ],
    });
    assert.deepEqual(shapes(toolCalls), [
      ["time_now", '{"zone":"UTC"}'],
      ["time_now", '{"zone":"CET"}'],
    ]);
  });

  test("gives a call without arguments an empty object", async () => {
    const { toolCalls } = await ask({ toolCalls: [{ name: "time_now", arguments: "" }] });
    assert.deepEqual(shapes(toolCalls), [["time_now", "{}"]]);
  });

  test("sends the conversation with its tool calls and results", async () => {
    const messages: ModelMessage[] = [
      { role: "system", text: "Be brief." },
      { role: "user", text: "What time is it?" },
      { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "time_now", arguments: '{"zone":"UTC"}' }] },
      { role: "tool", callId: "c1", name: "time_now", text: "noon" },
      { role: "assistant", text: "Noon.", toolCalls: [] },
    ];
    await ask({ text: "ok" }, { messages });
    assert.deepEqual(server.requests[0]?.body.messages, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "What time is it?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "time_now", arguments: '{"zone":"UTC"}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "noon" },
      { role: "assistant", content: "Noon." },
    ]);
  });

  test("sends invalid arguments and names of earlier calls in a form no server refuses", async () => {
    const call = { id: "c1", name: "rm -rf /", arguments: '{"zone": ' };
    const messages: ModelMessage[] = [
      { role: "user", text: "hi" },
      { role: "assistant", text: "", toolCalls: [call] },
      { role: "tool", callId: "c1", name: call.name, text: "no such tool" },
    ];
    await ask({ text: "ok" }, { messages });
    const sent = server.requests[0]?.body.messages as { tool_calls: { function: object }[] }[];
    assert.deepEqual(sent[1]?.tool_calls[0]?.function, {
      name: "rm_-rf__",
      arguments: JSON.stringify({ invalid_arguments: '{"zone": ' }),
    });
  });

  const image = { mime: "image/png", bytes: new Uint8Array([1, 2, 3]) };
  const photo: ModelMessage[] = [{ role: "user", text: "What is this?", images: [image] }];

  test("sends images as data URLs to a backend that takes them", async () => {
    await ask({ text: "ok" }, { messages: photo }, true);
    assert.deepEqual(server.requests[0]?.body.messages, [
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
        ],
      },
    ]);
  });

  test("sends a note in place of images to a backend that takes none", async () => {
    await ask({ text: "ok" }, { messages: photo });
    const [message] = server.requests[0]?.body.messages as { content: string }[];
    assert.match(message?.content ?? "", /^What is this\?\n\[An image was sent/);
  });

  test("learns that a server wants max_completion_tokens, and remembers", async () => {
    const message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.";
    server.setScript([{ status: 400, body: { error: { message } } }, { text: "ok" }, { text: "ok" }]);
    server.requests.length = 0;
    const config = configOf(backendOf("main", settings));
    for (let turn = 0; turn < 2; turn++) await backends.model(config, "main").complete(requestOf());
    const fields = server.requests.map(({ body }) => ["max_tokens" in body, "max_completion_tokens" in body]);
    assert.deepEqual(fields, [
      [true, false],
      [false, true],
      [false, true],
    ]);
  });

  test("learns that a server does not know stream_options", async () => {
    const body = { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"] }] };
    const answer = await ask([
      { status: 422, body },
      { text: "ok", usage: null },
    ]);
    assert.equal(answer.text, "ok");
    assert.equal("stream_options" in (server.requests[1]?.body ?? {}), false);
  });
});
