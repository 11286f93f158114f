/** A scripted stand-in for a model: an OpenAI-compatible server that answers what its script says, quickly. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { type HttpBindings, serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { chatBody, chatChunks, responseBody, responseChunks } from "./model-wire.ts";

/** How an answer is put on the wire. */
export interface Delivery {
  /** Milliseconds between chunks; left out, everything goes in one write. */
  readonly delay?: number;
  /** After so many chunks the connection is cut. */
  readonly cutAfter?: number;
  /** After so many chunks the body ends as if whole. */
  readonly endAfter?: number;
  /** After so many chunks nothing more comes. */
  readonly hangAfter?: number;
  readonly finishReason?: string;
  /** null: the server does not report usage. */
  readonly usage?: {
    readonly input: number;
    readonly output: number;
    readonly cached?: number;
    readonly reasoning?: number;
    /** In US dollars, as OpenRouter reports it. */
    readonly cost?: number;
  } | null;
}

/** A tool call to be made. `index` and `id` null: left out, as some servers do. */
export interface ScriptedCall {
  readonly name: string;
  readonly arguments: string | object;
  readonly id?: string | null;
  readonly index?: number | null;
}

export type Answer = Delivery & { readonly text?: string; readonly toolCalls?: readonly ScriptedCall[] };

/** What the server does with one request. */
export type Turn =
  | Answer
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | { readonly hang: true }
  /** The body of an event stream, as it is. */
  | { readonly raw: string };

/** A request as a script sees it. `n` counts from 1. */
export interface ScriptedRequest {
  readonly n: number;
  readonly path: string;
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly tool_call_id?: string }[];
  readonly tools: readonly { readonly function?: { readonly name: string }; readonly name?: string }[];
}

/** A function, a queue used up in order, or one turn for ever. */
export type Script = ((request: ScriptedRequest) => Turn | Promise<Turn>) | readonly Turn[] | Turn;

export interface RecordedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly at: number;
}

export interface ModelServer {
  /** Ends in /v1. */
  readonly url: string;
  readonly requests: RecordedRequest[];
  setScript(script: Script): void;
  stop(): Promise<void>;
}

export interface ModelServerOptions {
  /** Any other bearer gets 401. */
  readonly key?: string;
  readonly port?: number;
  /** false: requests are not kept, for long runs. */
  readonly record?: boolean;
  /** What /audio/transcriptions answers. */
  readonly transcript?: string | Extract<Turn, { status: number }>;
}

type Env = { Bindings: HttpBindings };

/** Starts a model server on loopback. */
export async function startModelServer(script: Script, options: ModelServerOptions = {}): Promise<ModelServer> {
  const stopping = new AbortController();
  const requests: RecordedRequest[] = [];
  let next = toFunction(script);
  let count = 0;

  const answer = (path: "chat" | "responses") => async (c: Context<Env>) => {
    const n = ++count;
    const body = await c.req.json<Record<string, unknown>>();
    record(c, body);
    const turn = await next({
      n,
      path: c.req.path,
      model: String(body.model),
      messages: (body.messages ?? body.input ?? []) as ScriptedRequest["messages"],
      tools: (body.tools ?? []) as ScriptedRequest["tools"],
    });
    c.header("x-request-id", `req_${n}`);
    if ("hang" in turn) return hang();
    if ("status" in turn) return plain(c, turn);
    if ("raw" in turn) return stream(c, [turn.raw], {});
    const facts = { n, model: String(body.model), withUsage: path === "responses" || asksForUsage(body) };
    if (body.stream !== true) return c.json(path === "chat" ? chatBody(turn, facts) : responseBody(turn, facts));
    return stream(c, path === "chat" ? chatChunks(turn, facts) : responseChunks(turn, facts), turn);
  };

  const stream = (c: Context<Env>, chunks: readonly string[], delivery: Delivery): Response => {
    const { delay, cutAfter, endAfter, hangAfter } = delivery;
    c.header("content-type", "text/event-stream");
    const stopAt = cutAfter ?? hangAfter ?? endAfter ?? chunks.length;
    if (delay === undefined && cutAfter === undefined && hangAfter === undefined)
      return c.body(chunks.slice(0, stopAt).join(""));
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const chunk of chunks.slice(0, stopAt)) {
          controller.enqueue(encoder.encode(chunk));
          await pause(delay ?? 2);
        }
        if (cutAfter !== undefined) c.env.outgoing.destroy();
        else if (hangAfter === undefined && !stopping.signal.aborted) controller.close();
      },
    });
    return c.body(body);
  };

  const pause = (ms: number): Promise<unknown> =>
    wait(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const hang = (): Promise<Response> => new Promise(() => undefined);
  const record = (c: Context<Env>, body: Record<string, unknown>): void => {
    if (options.record !== false)
      requests.push({ path: c.req.path, headers: c.req.header(), body, at: performance.now() });
  };

  const app = new Hono<Env>();
  if (options.key !== undefined)
    app.use("/v1/*", async (c, proceed) => {
      if (c.req.header("authorization") === `Bearer ${options.key}`) return proceed();
      return c.json({ error: { message: `Incorrect API key provided: ${c.req.header("authorization")}` } }, 401);
    });
  app.post("/v1/chat/completions", answer("chat"));
  app.post("/v1/responses", answer("responses"));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [{ id: "stand-in", object: "model" }] }));
  app.post("/v1/audio/transcriptions", async (c) => {
    const form = await c.req.parseBody();
    const file =
      form.file instanceof File ? { name: form.file.name, type: form.file.type, size: form.file.size } : null;
    record(c, { model: form.model, file });
    c.header("x-request-id", `req_${++count}`);
    const { transcript = "" } = options;
    return typeof transcript === "string" ? c.json({ text: transcript }) : plain(c, transcript);
  });

  const server = await listen(app, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    setScript(script) {
      next = toFunction(script);
    },
    async stop() {
      stopping.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function plain(c: Context<Env>, turn: Extract<Turn, { status: number }>): Response {
  for (const [name, value] of Object.entries(turn.headers ?? {})) c.header(name, value);
  const body = turn.body ?? { error: { message: `scripted ${turn.status}` } };
  return c.body(typeof body === "string" ? body : JSON.stringify(body), turn.status as 500, {
    "content-type": typeof body === "string" ? "text/plain" : "application/json",
  });
}

function toFunction(script: Script): (request: ScriptedRequest) => Turn | Promise<Turn> {
  if (typeof script === "function") return script;
  if (!isQueue(script)) return () => script;
  const queue = [...script];
  return () => queue.shift() ?? { status: 418, body: { error: { message: "the script is at its end" } } };
}

const isQueue = (script: Script): script is readonly Turn[] => Array.isArray(script);

const asksForUsage = (body: Readonly<Record<string, unknown>>): boolean =>
  (body.stream_options as { include_usage?: unknown } | undefined)?.include_usage === true || body.stream !== true;

function listen(app: Hono<Env>, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () => resolve(server)) as Server;
    server.once("error", reject);
  });
}
