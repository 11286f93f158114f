/** A server that answers nonsense: the call alone fails, in good time, and the next one is answered. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { ClawError } from "../../../lib/errors.ts";
import { connectionTo, stdioServer } from "../../support/mcp/setup.ts";

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly cursor?: string };
}

/** The body of an answer, as text; undefined: none ever. */
type Odd = (request: Request) => string | undefined;

const result = (id: unknown, value: unknown): string => JSON.stringify({ jsonrpc: "2.0", id, result: value });
const good = { name: "it", description: "Does it.", inputSchema: { type: "object" } };
const answers: Record<string, (request: Request) => unknown> = {
  initialize: () => ({
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "x", version: "1" },
  }),
  "tools/list": () => ({ tools: [good] }),
  "tools/call": () => ({ content: [{ type: "text", text: "fine" }] }),
  ping: () => ({}),
};

/** A server that is well but for what `odd` says of a method. */
async function hostile(t: TestContext) {
  const odd = new Map<string, Odd>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const asked = JSON.parse(body) as Request;
    if (asked.id === undefined) return void response.writeHead(202).end();
    const own = odd.get(asked.method);
    const text = own ? own(asked) : result(asked.id, answers[asked.method]?.(asked));
    if (text !== undefined) response.writeHead(200, { "content-type": "application/json" }).end(text);
  };
  const http = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => (http.closeAllConnections(), http.close()));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  const server = stdioServer({}, [], { reach: { kind: "http", url, headers: new Map() } });
  return { odd, ...connectionTo(t, server) };
}

const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const raw = ({ id }: Request, text: string): string => `{"jsonrpc":"2.0","id":${id},"result":${text}}`;
const error = ({ id }: Request, text: string): string => `{"jsonrpc":"2.0","id":${id},"error":${text}}`;
const parts = (count: number): string => Array.from({ length: count }, () => '{"type":"text","text":"x"}').join(",");
const tools = (count: number): string =>
  Array.from({ length: count }, (_, n) => `{"name":"t${n}","inputSchema":{"type":"object"}}`).join(",");

/** Of tools/call and of tools/list alike. */
const anywhere: Record<string, Odd> = {
  "nothing ever": () => undefined,
  "no body": () => "",
  "no JSON": () => "{broken",
  null: () => "null",
  "a number": () => "7",
  "a list of nothing": () => "[]",
  "the id of another request": () => result(999_999, { content: [], tools: [] }),
  "an id of another kind": () => '{"jsonrpc":"2.0","id":{"a":1},"result":{}}',
  "another version of JSON-RPC": ({ id }) => `{"jsonrpc":"9","id":${id},"result":{}}`,
  "a result that is null": (request) => raw(request, "null"),
  "a result that is text": (request) => raw(request, '"x"'),
  "a result nested without end": (request) => raw(request, deep(200_000)),
  "an error without a code": (request) => error(request, "{}"),
  "an error whose code is text": (request) => error(request, '{"code":"x","message":"y"}'),
  "an error whose code is beyond measure": (request) => error(request, '{"code":1e308,"message":"y"}'),
  "an error with our own code for a lost connection": (request) => error(request, '{"code":-32000,"message":"y"}'),
  "an error whose message is long": (request) => error(request, `{"code":-32603,"message":"${"y".repeat(3_000_000)}"}`),
  "an error with data nested without end": (request) =>
    error(request, `{"code":-32603,"message":"y","data":${deep(100_000)}}`),
};
const ofCalls: Record<string, Odd> = {
  "content that is no list": (request) => raw(request, '{"content":{"type":"text"}}'),
  "content of numbers": (request) => raw(request, '{"content":[1,null]}'),
  "content of an odd kind": (request) => raw(request, '{"content":[{"type":"__proto__"}]}'),
  "a text that is none": (request) => raw(request, '{"content":[{"type":"text","text":{"a":1}}]}'),
  "an isError that is none": (request) => raw(request, '{"content":[],"isError":"yes"}'),
};
const ofLists: Record<string, Odd> = {
  "tools that are no list": (request) => raw(request, '{"tools":{"a":1}}'),
  "tools that are null": (request) => raw(request, '{"tools":[null]}'),
  "a tool without a name": (request) => raw(request, '{"tools":[{"inputSchema":{"type":"object"}}]}'),
  "a schema that is text": (request) => raw(request, '{"tools":[{"name":"it","inputSchema":"x"}]}'),
  "a cursor that is a number": (request) => raw(request, '{"tools":[],"nextCursor":7}'),
  "no tool at all": (request) => raw(request, '{"tools":[]}'),
  "a schema nested by thousands": (request) =>
    raw(request, `{"tools":[{"name":"it","inputSchema":{"type":"object","properties":{"a":${deep(5_000)}}}}]}`),
  "a tool twice": (request) => raw(request, '{"tools":[{"name":"it","inputSchema":{"type":"object","x":1}}]}'),
};

/** A busy machine takes a few times as long as usual. */
const most = 8_000;

for (const [method, table] of [
  ["tools/call", { ...anywhere, ...ofCalls }],
  ["tools/list", { ...anywhere, ...ofLists }],
] as const)
  for (const [what, odd] of Object.entries(table))
    test(`to ${method}, ${what}: that call alone fails`, async (t) => {
      const { odd: said, connection, pinned, clock, signal } = await hostile(t);
      const it = await pinned("it");
      clock.now += 120_000;
      said.set(method, odd);
      const began = performance.now();
      const patience = AbortSignal.timeout(500);
      await assert.rejects(connection.call(it, {}, AbortSignal.any([signal, patience])), (thrown) => {
        // What is not ours to explain ends by the signal of who called.
        assert.ok(thrown instanceof ClawError || patience.aborted, String(thrown));
        assert.doesNotMatch(String(thrown), /call stack/);
        return true;
      });
      assert.ok(performance.now() - began < most);
      said.clear();
      clock.now += 120_000;
      assert.equal((await connection.call(it, {}, signal)).text, "fine");
    });

test("a tool whose schema came to be nested by thousands is not what was pinned, and says so", async (t) => {
  const { odd, connection, pinned, clock, signal } = await hostile(t);
  const it = await pinned("it");
  clock.now += 120_000;
  odd.set("tools/list", ofLists["a schema nested by thousands"]!);
  await assert.rejects(connection.call(it, {}, signal), /not what was pinned/);
});

test("structured content nested without end is named and left out", async (t) => {
  const { odd, call } = await hostile(t);
  odd.set("tools/call", (request) => raw(request, `{"structuredContent":{"a":${deep(20_000)}},"content":[]}`));
  assert.equal((await call("it")).text, "[structured content, nested too deeply to be shown]");
});

test("a cursor that never ends is not followed for ever", async (t) => {
  const { odd, connection, signal } = await hostile(t);
  let asked = 0;
  odd.set("tools/list", (request) => (asked++, result(request.id, { tools: [good], nextCursor: `${asked}` })));
  assert.equal((await connection.shapes(signal)).size, 1);
  assert.ok(asked <= 50);
});

test("as many tools and parts as fit in one message are read in good time", async (t) => {
  const { odd, connection, call, signal } = await hostile(t);
  const began = performance.now();
  odd.set("tools/call", (request) => raw(request, `{"content":[${parts(100_000)}]}`));
  assert.equal((await call("it")).text.length, 299_998);
  odd.set("tools/list", (request) => raw(request, `{"tools":[${tools(60_000)}]}`));
  const { size } = await connection.shapes(signal);
  assert.ok(size === 1 || size === 60_000);
  assert.ok(performance.now() - began < most);
});
