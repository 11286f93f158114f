import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { getEventListeners } from "node:events";
import { inspect } from "node:util";
import type { Backend } from "../../../lib/config/config.ts";
import { ClawError } from "../../../lib/errors.ts";
import { createBackends } from "../../../lib/llm/backends.ts";
import { createLog } from "../../../lib/log.ts";
import { createMetrics } from "../../../lib/metrics.ts";
import { type Script, type Turn, startModelServer } from "../../support/model-server.ts";
import { chatChunks } from "../../support/model-wire.ts";
import { backendOf, canaryKey, canaryPrompt, configOf, failureOf, harness, requestOf, shapes } from "./support.ts";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/until.ts";

describe("a backend that fails", async () => {
  const server = await startModelServer({ text: "" });
  after(() => server.stop());

  const ask = (script: Script, settings: Partial<Backend> = {}, request = requestOf()) => {
    server.setScript(script);
    server.requests.length = 0;
    const { backends, ...seen } = harness();
    const config = configOf(backendOf("main", { base_url: server.url, ...settings }));
    return { ...seen, answer: backends.model(config, "main").complete(request) };
  };

  test("with 429 and Retry-After is asked again after the seconds it named", async () => {
    const { answer, waits, lines } = ask([{ status: 429, headers: { "retry-after": "7" } }, { text: "ok" }]);
    assert.equal((await answer).text, "ok");
    assert.deepEqual(waits, [7000]);
    const [line] = lines();
    assert.equal(line?.level, "warn");
    assert.deepEqual([line?.backend, line?.status, line?.attempt, line?.waitMs], ["main", 429, 1, 7000]);
  });

  test("with 429 and retry-after-ms or a date is asked again then", async () => {
    const date = new Date(Date.now() + 20_000).toUTCString();
    const { answer, waits } = ask(
      [
        { status: 429, headers: { "retry-after-ms": "1500" } },
        { status: 429, headers: { "retry-after": date } },
        { text: "ok" },
      ],
      { timeout_seconds: 100 },
    );
    await answer;
    assert.equal(waits[0], 1500);
    assert.ok((waits[1] ?? 0) > 15_000 && (waits[1] ?? 0) <= 20_000);
  });

  test("with 429 and no Retry-After is asked again after growing waits", async () => {
    const { answer, waits } = ask([{ status: 429 }, { status: 429 }, { text: "ok" }]);
    assert.equal((await answer).text, "ok");
    assert.deepEqual(waits, [500, 1000]);
  });

  test("with 429 and more than 60 s to wait is given up at once", async () => {
    const { answer, waits } = ask({ status: 429, headers: { "retry-after": "61" } });
    const error = await failureOf(answer);
    assert.equal(server.requests.length, 1);
    assert.deepEqual(waits, []);
    assert.match(error.message, /backends\.main: 429: too many requests/);
    assert.match(error.say ?? "", /try again in a minute/);
  });

  test("with an account out of credit is not asked again", async () => {
    const body = { error: { code: "insufficient_quota", message: "You exceeded your current quota" } };
    const { answer } = ask({ status: 429, body });
    assert.match((await failureOf(answer)).message, /out of credit/);
    assert.equal(server.requests.length, 1);
  });

  for (const status of [408, 409, 500, 502, 503, 529])
    test(`with ${status} is asked again, as often as retries says`, async () => {
      const { answer } = ask({ status });
      const error = await failureOf(answer);
      assert.equal(error.code, "backend_failed");
      assert.match(error.message, new RegExp(`backends\\.main: ${status}: `));
      assert.equal(server.requests.length, 3);
    });

  const once: [number, RegExp][] = [
    [400, /the request was refused; does the model take tools/],
    [401, /backends\.main\.api_key is refused/],
    [403, /backends\.main\.api_key may not use/],
    [404, /backends\.main\.model or backends\.main\.base_url/],
    [307, /backends\.main\.base_url redirects/],
  ];
  for (const [status, remedy] of once)
    test(`with ${status} is asked once, and the operator reads the remedy`, async () => {
      const { answer } = ask({ status, headers: { location: server.url } });
      const error = await failureOf(answer);
      assert.match(error.message, remedy);
      assert.equal(server.requests.length, 1);
    });

  test("with 401 and no key set asks the operator to set one", async () => {
    const { answer } = ask({ status: 401 }, { apiKey: undefined });
    assert.match((await failureOf(answer)).message, /set backends\.main\.api_key/);
    assert.equal(server.requests[0]?.headers.authorization, undefined);
  });

  test("with a context that is too short tells the operator the limit and the person to begin anew", async () => {
    const body = { error: { code: "context_length_exceeded", message: "This model's maximum context length is 10" } };
    const error = await failureOf(ask({ status: 400, body }).answer);
    assert.match(error.message, /limits\.history_tokens/);
    assert.match(error.say ?? "", /begin a new one/);
    assert.equal(server.requests.length, 1);
  });

  test("that never answers counts as stalled, and is asked again", async () => {
    const { answer, lines } = ask([{ hang: true }, { text: "ok" }], { stall_seconds: 1 });
    assert.equal((await answer).text, "ok");
    assert.equal(lines()[0]?.kind, "stalled");
  });

  test("that falls silent in the middle of a stream counts as stalled", async () => {
    const turn: Turn = { toolCalls: [{ name: "time_now", arguments: { zone: "UTC" } }], hangAfter: 2 };
    const error = await failureOf(ask(turn, { stall_seconds: 0.5, retries: 1 }).answer);
    assert.match(error.message, /silent for 0\.5 s.*backends\.main\.stall_seconds/);
    assert.equal(server.requests.length, 2);
  });

  test("that is slow but never silent is not stalled", async () => {
    const { answer, lines } = ask({ text: "word ".repeat(80), delay: 30 }, { stall_seconds: 1 });
    assert.equal((await answer).text.length, 400);
    assert.deepEqual(lines(), []);
  });

  test("that takes longer than timeout_seconds is given up, retries or not", async () => {
    const { answer } = ask({ text: "word ".repeat(800), delay: 20 }, { timeout_seconds: 0.5 });
    assert.match((await failureOf(answer)).message, /longer than 0\.5 s; raise backends\.main\.timeout_seconds/);
    assert.equal(server.requests.length, 1);
  });

  const calling = {
    text: "Let me look.",
    toolCalls: [
      { name: "time_now", arguments: { zone: "UTC" }, id: "a" },
      { name: "time_now", arguments: { zone: "Europe/Berlin" }, id: "b" },
    ],
  };
  const whole = chatChunks(calling, { n: 1, model: "stand-in", withUsage: true });
  for (const ending of ["cutAfter", "endAfter"] as const)
    test(`whose tool-calling stream breaks off at any chunk (${ending}) never yields a tool call`, async () => {
      for (let count = 0; count < whole.length; count++) {
        const { answer, lines } = ask({ ...calling, [ending]: count }, { retries: 0 });
        const error = await failureOf(answer);
        assert.equal(error.code, "backend_failed", `cut after ${count} of ${whole.length}`);
        assert.equal(lines().length, 1);
      }
    });

  test("whose stream breaks off is asked again, and the second answer is whole", async () => {
    const { answer } = ask([{ ...calling, cutAfter: 4 }, { ...calling, endAfter: 3 }, calling]);
    assert.deepEqual(shapes((await answer).toolCalls), [
      ["time_now", '{"zone":"UTC"}'],
      ["time_now", '{"zone":"Europe/Berlin"}'],
    ]);
  });

  test("whose stream is cut inside any byte of its last events never yields a tool call", async () => {
    const text = whole.join("");
    const from = text.length - (whole.at(-1) ?? "").length - (whole.at(-2) ?? "").length;
    for (let end = from; end < text.length - 1; end += 3)
      await failureOf(ask({ raw: text.slice(0, end) }, { retries: 0 }).answer);
  });

  const invalid: [string, string][] = [
    ["invalid JSON", 'data: {"choices":[{"delta":{"content":"prompt-canary-9c2e\n\n'],
    ["JSON that is no object", "data: 42\n\ndata: [DONE]\n\n"],
    ["fields of the wrong type", 'data: {"choices":{"0":{"delta":{"tool_calls":5}}}}\n\ndata: [DONE]\n\n'],
    [
      "a tool call without a name",
      'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n',
    ],
  ];
  for (const [what, raw] of invalid)
    test(`that streams ${what} is asked again`, async () => {
      assert.equal((await ask([{ raw }, { text: "ok" }]).answer).text, "ok");
      const error = await failureOf(ask({ raw }).answer);
      assert.match(error.message, /backends\.main\.base_url an OpenAI-compatible API of kind "chat"/);
      assert.equal(server.requests.length, 3);
    });

  test("that answers without streaming is named as such", async () => {
    const error = await failureOf(ask({ status: 200, body: { choices: [] } }).answer);
    assert.match(error.message, /answered without streaming/);
  });

  test("that tells an error inside the stream is judged by its code", async () => {
    const raw = 'data: {"error":{"code":429,"message":"slow down"}}\n\n';
    const { answer, lines } = ask([{ raw }, { text: "ok" }]);
    assert.equal((await answer).text, "ok");
    assert.equal(lines()[0]?.status, 429);
  });

  test("where nothing listens is named by address and key", async () => {
    const { answer } = ask([], { base_url: `http://127.0.0.1:${await freePort()}/v1?key=${canaryKey}` });
    const error = await failureOf(answer);
    assert.match(error.message, /ECONNREFUSED: nothing listens at 127\.0\.0\.1:\d+ \(backends\.main\.base_url\)/);
    assert.doesNotMatch(error.message, new RegExp(canaryKey));
  });

  test("is asked no more once the caller cancels", async () => {
    const abort = new AbortController();
    const { answer } = ask({ hang: true }, {}, requestOf({ signal: abort.signal }));
    const failure = failureOf(answer);
    await until(async () => server.requests.length === 1);
    abort.abort();
    assert.equal((await failure).code, "cancelled");
    assert.equal(server.requests.length, 1);
    const before = ask({ text: "ok" }, {}, requestOf({ signal: AbortSignal.abort() }));
    assert.equal((await failureOf(before.answer)).code, "cancelled");
    assert.equal(server.requests.length, 0);
  });

  test("is asked no more once the caller cancels while a retry waits", async () => {
    const abort = new AbortController();
    server.setScript({ status: 429, headers: { "retry-after": "10" } });
    server.requests.length = 0;
    let lines = "";
    const log = createLog("warn", { write: (line) => void (lines += line) });
    const backends = createBackends({ log, metrics: createMetrics() });
    const config = configOf(backendOf("main", { base_url: server.url }));
    const answer = backends.model(config, "main").complete(requestOf({ signal: abort.signal }));
    await until(async () => lines.includes('"waitMs":10000'));
    abort.abort();
    assert.equal((await failureOf(answer)).code, "cancelled");
    assert.equal(server.requests.length, 1);
  });

  test("leaves no listener on the caller's signal", async () => {
    const { signal } = new AbortController();
    await ask([{ status: 500 }, { text: "", cutAfter: 1 }, { text: "ok" }], {}, requestOf({ signal })).answer;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("never has the key, the prompt or the server's words in the error or the log", async () => {
    const echo = { error: { message: `Incorrect API key provided: ${canaryKey}. You said: ${canaryPrompt}` } };
    const scripts: Script[] = [
      ...[307, 400, 401, 403, 404, 413, 429, 500].map((status): Turn => ({ status, body: echo })),
      { status: 500, body: `${canaryKey} ${canaryPrompt}` },
      { raw: `data: ${JSON.stringify(echo)}\n\n` },
      { raw: `data: ${canaryKey} ${canaryPrompt}\n\n` },
      { text: canaryPrompt, cutAfter: 2 },
    ];
    for (const script of scripts) {
      const { answer, logged } = ask(script);
      const error = await failureOf(answer);
      assert.ok(error instanceof ClawError);
      const all = [inspect(error, { depth: 9 }), JSON.stringify(error), error.say, logged()].join("\n");
      assert.doesNotMatch(all, new RegExp(`${canaryKey}|${canaryPrompt}|Incorrect`));
      assert.ok(error.say);
      assert.doesNotMatch(error.say, /backends|http|\d{3}/);
    }
  });

  test("is not called with a key that no header can hold, and the key is not quoted", async () => {
    const { Secret } = await import("../../../lib/config/secret.ts");
    const error = await failureOf(ask({ text: "ok" }, { apiKey: new Secret(`${canaryKey}\n`) }).answer);
    assert.equal(error.code, "config_invalid");
    assert.match(error.message, /backends\.main\.api_key/);
    assert.doesNotMatch(inspect(error), new RegExp(canaryKey));
  });
});
