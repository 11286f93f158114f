/**
 * `fetch` for the openai client over node:http. A streamed answer stays a Node stream and never becomes a web stream,
 * which halves what a call costs. Only named headers go out, so neither the client's telemetry headers nor headers from
 * the environment do. A redirect is not followed: the prompt would go to an address nobody configured.
 */
import http from "node:http";
import https from "node:https";
import { AttemptFailure } from "./failure.ts";

const sent = ["accept", "authorization", "content-type"];
const kept = ["content-type", "retry-after", "retry-after-ms", "x-request-id"];
/** A Response of these takes no body (Fetch, "null body status"). */
const bodiless = new Set([204, 205, 304]);
const bufferedLimit = 4 * 1024 * 1024;

const streams = new WeakMap<Response, http.IncomingMessage>();

/** The event stream behind a response of `createFetch`, or undefined where the server did not stream. */
export const streamOf = (response: Response): http.IncomingMessage | undefined => streams.get(response);

/** A fetch with connections kept alive; an event stream is read by `streamOf`, any other body from the Response. */
export function createFetch(): typeof fetch {
  // Taking the global agents' options keeps NODE_USE_ENV_PROXY working; their 5 s idle limit would cost a handshake a turn.
  const options = { keepAlive: true, timeout: 55_000, maxFreeSockets: 64 };
  const plain = http.globalAgent as http.Agent & { readonly options: http.AgentOptions };
  const agents = {
    "http:": new http.Agent({ ...plain.options, ...options }),
    "https:": new https.Agent({ ...https.globalAgent.options, ...options }),
  };
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const secure = url.protocol === "https:";
    const headers = new Headers(init.headers);
    const body = await encode(init.body, headers);
    const request: Outgoing = {
      url,
      body,
      send: secure ? https.request : http.request,
      options: {
        method: init.method ?? "GET",
        agent: agents[secure ? "https:" : "http:"],
        headers: {
          ...pick(sent, headers),
          "user-agent": "openclaw-gateway",
          "content-length": Buffer.byteLength(body),
        },
        ...(init.signal && { signal: init.signal }),
      },
    };
    return exchange(request);
  };
}

/** A string goes as it is; multipart is encoded, and its boundary put in the headers. */
async function encode(body: RequestInit["body"], headers: Headers): Promise<string | Buffer> {
  if (typeof body === "string") return body;
  const encoded = new Response(body ?? null);
  const type = encoded.headers.get("content-type");
  if (type) headers.set("content-type", type);
  return Buffer.from(await encoded.arrayBuffer());
}

interface Outgoing {
  readonly url: URL;
  readonly body: string | Buffer;
  readonly send: typeof http.request;
  readonly options: https.RequestOptions;
}

/** A kept connection the server closed in that instant is no failure of the call: the next is tried, a new one last. */
async function exchange(outgoing: Outgoing): Promise<Response> {
  for (;;) {
    try {
      return await toResponse(await send(outgoing));
    } catch (thrown) {
      if (!(thrown instanceof StaleConnection)) throw thrown;
    }
  }
}

class StaleConnection extends Error {}

function send(outgoing: Outgoing): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = outgoing.send(outgoing.url, outgoing.options);
    request.on("response", resolve);
    request.on("error", (error: NodeJS.ErrnoException) =>
      reject(request.reusedSocket && error.code === "ECONNRESET" ? new StaleConnection() : error),
    );
    request.end(outgoing.body);
  });
}

async function toResponse(message: http.IncomingMessage): Promise<Response> {
  const status = message.statusCode ?? 500;
  const headers: [string, string][] = [];
  for (const name of kept) {
    const value = message.headers[name];
    if (typeof value === "string") headers.push([name, value]);
  }
  if (status < 300 && message.headers["content-type"]?.startsWith("text/event-stream")) {
    const response = new Response(null, { status, headers });
    streams.set(response, message);
    return response;
  }
  if (status < 200 || status > 599) {
    // No Response can have it.
    message.destroy();
    throw new AttemptFailure({ kind: "invalid", detail: `it answers with the HTTP status ${status}` });
  }
  const text = await readAll(message);
  return new Response(bodiless.has(status) ? null : text, { status, headers });
}

async function readAll(message: http.IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message) {
    parts.push(part as Buffer);
    size += (part as Buffer).length;
    // Leaving the loop destroys the connection.
    if (size > bufferedLimit) break;
  }
  return Buffer.concat(parts);
}

function pick(names: readonly string[], headers: Headers): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) picked[name] = value;
  }
  return picked;
}
