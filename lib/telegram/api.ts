import { buffer } from "node:stream/consumers";
import type { Api, InputFile, RawApi } from "grammy/web";
import type { ApiError } from "grammy/types";
import type { TelegramBot } from "../config/config.ts";
import { type Failure, failureOf } from "./failure.ts";
import { exchange, TransportError } from "../http/exchange.ts";

/** The answer of a Bot API call: failures are data. */
export type Answer<T> = { readonly ok: true; readonly result: T } | { readonly ok: false; readonly failure: Failure };

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

type Method = keyof RawApi;
type Result<M extends Method> = Awaited<ReturnType<RawApi[M]>>;
type Payload<M extends Method> = M extends "getMe" | "getWebhookInfo" ? undefined : Parameters<RawApi[M]>[0];

const defaultTimeoutMs = 20_000;
const maxAnswerBytes = 4 * 1024 * 1024;

/** Calls one Bot API method. Never throws, and nothing it returns holds the token or what was sent. */
export async function callTelegram<M extends Method>(
  bot: TelegramBot,
  method: M,
  payload: Payload<M>,
  options: CallOptions = {},
): Promise<Answer<Result<M>>> {
  try {
    const { raw } = await apiOf(bot, options.timeoutMs ?? defaultTimeoutMs);
    const call = raw[method] as (...parameters: unknown[]) => Promise<Result<M>>;
    // grammY's functions for methods without a payload take the signal first.
    const parameters = payload === undefined ? [options.signal] : [payload, options.signal];
    return { ok: true, result: await call(...parameters) };
  } catch (error) {
    return { ok: false, failure: failureOf(error, bot) };
  }
}

/** Bytes as a call's payload takes them. */
export async function inputFile(bytes: Uint8Array, name: string): Promise<InputFile> {
  const { InputFile } = await import("grammy/web");
  return new InputFile(bytes, name);
}

const apis = new Map<string, Api>();

// Not its `raw`: awaiting that would call a method named "then".
async function apiOf(bot: TelegramBot, timeoutMs: number): Promise<Api> {
  const token = bot.token.reveal();
  const key = `${timeoutMs} ${bot.api_root} ${token}`;
  const known = apis.get(key);
  if (known) return known;
  // On first use: a gateway without Telegram does not pay for it. The web build is the one without node-fetch.
  const { Api } = await import("grammy/web");
  const fetch = (url: string, init: FetchInit) => post(url, init, timeoutMs);
  // Ours is the timeout that knows whether something was sent; grammY's own stands behind it.
  const api = new Api(token, { apiRoot: bot.api_root, fetch: fetch as never, timeoutSeconds: timeoutMs / 1000 + 5 });
  apis.set(key, api);
  return api;
}

/** What grammY hands over: JSON as a string, a form with a file in it as a stream. */
interface FetchInit {
  readonly body: string | AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function post(url: string, init: FetchInit, timeoutMs: number): Promise<{ json: () => unknown }> {
  const { body: given } = init;
  const content = typeof given === "string" ? given : await buffer(given);
  const { status, body } = await exchange(
    url,
    {
      method: "POST",
      headers: { "content-type": init.headers["content-type"] ?? "application/json" },
      body: content,
      signal: init.signal,
      timeoutMs,
    },
    maxAnswerBytes,
  );
  return { json: () => parse(status, body) };
}

/** A proxy's page in front of the Bot API is an answer too: its status says what became of the request. */
function parse(status: number, body: Buffer): unknown {
  try {
    const answer: unknown = JSON.parse(body.toString());
    if (typeof answer === "object" && answer !== null && "ok" in answer) return answer;
  } catch {
    // Told below.
  }
  if (status < 300) throw new TransportError(true, "an answer that is not the Bot API's");
  const error: ApiError = { ok: false, error_code: status, description: `HTTP ${status}, not from the Bot API` };
  return error;
}
