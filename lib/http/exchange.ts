/**
 * HTTP to the channels' servers. Our own, over node:http, to know for certain whether a request can have had an effect;
 * it also takes a third of what `fetch` does.
 */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { ClawError } from "../errors.ts";

/** A request without an answer. Carries no URL, since that may hold a token. */
export class TransportError extends Error {
  /** False: no byte of the request left, so it certainly had no effect. */
  readonly sent: boolean;

  constructor(sent: boolean, what: string) {
    super(what);
    this.name = "TransportError";
    this.sent = sent;
  }
}

export interface TransportRequest {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export interface TransportAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

// An idle connection is given up before the other side does, so that a request seldom meets one that is being closed.
const keepAlive = { keepAlive: true, timeout: 10_000, maxFreeSockets: 16 };
const plainAgent = new Agent(keepAlive);
const tlsAgent = new TlsAgent(keepAlive);

/**
 * Sends one request, follows no redirect, and reads at most `limit` bytes of the answer: past it, ClawError `too_large`.
 * Everything else that goes wrong is a TransportError.
 */
export function exchange(url: string, request: TransportRequest, limit: number): Promise<TransportAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TransportAnswer>();
  const { signal } = request;
  if (signal?.aborted) return Promise.reject(new TransportError(false, "cancelled"));
  let sent = false;
  const secure = url.startsWith("https:");
  const options = {
    method: request.method,
    headers: {
      ...request.headers,
      ...(request.body !== undefined && { "content-length": Buffer.byteLength(request.body) }),
    },
    agent: secure ? tlsAgent : plainAgent,
  };
  const outgoing = (secure ? httpsRequest : httpRequest)(url, options);

  const fail = (what: string): void => {
    reject(new TransportError(sent, what));
    outgoing.destroy();
  };
  const onAbort = (): void => fail("cancelled");
  const timer = setTimeout(() => fail(`no answer within ${request.timeoutMs / 1000} s`), request.timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });

  outgoing.on("socket", (socket: Socket & { secureConnecting?: boolean }) => {
    if (socket.connecting || socket.secureConnecting)
      socket.once(secure ? "secureConnect" : "connect", () => (sent = true));
    else sent = true;
  });
  outgoing.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.name));
  outgoing.on("response", (response: IncomingMessage) => {
    const tooLarge = (): void => {
      reject(new ClawError("too_large", `the answer is larger than ${limit} bytes`));
      outgoing.destroy();
    };
    if (Number(response.headers["content-length"]) > limit) return tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) tooLarge();
      else chunks.push(chunk);
    });
    response.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.name));
    response.on("end", () => {
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
      });
    });
  });
  outgoing.end(request.body);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
}
