/** A stand-in for the Bot API (https://core.telegram.org/bots/api), as strict as the real one where we could be wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, Server } from "node:http";
import type { ApiError, Message, Update, UserFromGetMe, WebhookInfo } from "@grammyjs/types";
import { type HttpBindings, serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { isFile, isText, problemWith, problemWithFile, problemWithTapAnswer } from "./bot-api-checks.ts";
import { type FormFile, parseForm, payloadOf } from "./multipart.ts";
import { patienceMs } from "./until.ts";

/** One call of a method, as it came in. */
export interface BotApiCall {
  readonly method: string;
  readonly token: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** `performance.now()` of this process. */
  readonly at: number;
}

/**
 * What goes wrong: an error of the Bot API, a whole Response, or the connection: `drop` cuts it before anything is done,
 * `lose` does it and cuts the connection instead of answering, `hang` never answers.
 */
export type Failure = Omit<ApiError, "ok"> | Response | "drop" | "lose" | "hang";

/** How often an update was pushed and what the last answer was (0: no answer). */
export interface Pushed {
  readonly status: number;
  readonly attempts: number;
}

/** A file as it stands in a chat. */
export interface SentFile extends FormFile {
  readonly as: "photo" | "document";
  readonly chat: number;
  /** Counted with the texts: what came earlier has the lower one. */
  readonly messageId: number;
  readonly caption: string | undefined;
}

export interface BotApi {
  /** For `api_root`. */
  readonly url: string;
  /** The last 20,000 calls. */
  readonly calls: readonly BotApiCall[];
  /** Files by file_id; `path` as getFile gives it. */
  readonly files: Map<string, { path?: string; bytes: Uint8Array; size?: number }>;
  /** What getUpdates gives while no webhook is set. */
  readonly updates: Update[];
  /** Text messages that stand in a chat (in all of them), oldest first; edited ones as they are now, deleted ones gone. */
  sent(chat?: number): Message.TextMessage[];
  /** Photos and documents that stand in a chat (in all of them), oldest first. */
  sentFiles(chat?: number): SentFile[];
  /** The first call, past or future, that satisfies. Rejects after `ms`. */
  waitFor(satisfies: (call: BotApiCall) => boolean, ms?: number): Promise<BotApiCall>;
  /** The next `times` calls of a method fail. */
  fail(method: string, times: number, how: Failure | ((call: BotApiCall) => Failure)): void;
  /** Sends an update to a webhook as Telegram does: with the secret, again (at most 5 times) while it is not answered by 2xx. */
  push(webhook: string, secret: string, update: Update): Promise<Pushed>;
  /** Chats that the bots are in, besides private ones. */
  readonly chats: Set<number>;
  /** What setWebhook set for a token, its secret included; a test may put into it what went wrong since. */
  webhook(token: string): (WebhookInfo & { secret_token?: string }) | undefined;
  /** How many connections were opened since the start or the last reset. */
  connections(): number;
  /** Forgets calls, messages and failures. */
  reset(): void;
  stop(): Promise<void>;
}

const maxCalls = 20_000;
const maxAttempts = 5;

/** Starts the stand-in on 127.0.0.1, on a free port unless one is given. */
export async function startBotApi(options: { username?: string; port?: number } = {}): Promise<BotApi> {
  const calls: BotApiCall[] = [];
  const messages = new Map<number, Message.TextMessage>();
  const files: BotApi["files"] = new Map();
  const sentFiles: SentFile[] = [];
  const updates: Update[] = [];
  const chats = new Set<number>();
  const webhooks = new Map<string, WebhookInfo & { secret_token?: string }>();
  const failures = new Map<string, { times: number; how: Failure | ((call: BotApiCall) => Failure) }>();
  const waiting = new Set<{ satisfies: (call: BotApiCall) => boolean; resolve: (call: BotApiCall) => void }>();
  /** Taps that Telegram has pushed and nobody has answered. */
  const taps = new Set<string>();
  let lastMessage = 0;

  const me = (token: string): UserFromGetMe => ({
    id: Number(token.split(":")[0]),
    is_bot: true,
    first_name: "Stand-in",
    username: options.username ?? "claw_test_bot",
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: false,
    allows_users_to_create_topics: false,
    can_manage_bots: false,
    supports_join_request_queries: false,
  });

  const methods: Record<string, (payload: Record<string, unknown>, token: string) => unknown> = {
    getMe: (_, token) => me(token),
    sendMessage: (payload, token) => keep(payload, token, ++lastMessage),
    sendRichMessage: ({ rich_message, ...payload }, token) =>
      keep({ ...payload, text: JSON.stringify(rich_message) }, token, ++lastMessage),
    sendDocument: (payload, token) => keepFile("document", payload, token),
    sendPhoto: (payload, token) => keepFile("photo", payload, token),
    editMessageText(payload, token) {
      const known = messages.get(Number(payload["message_id"]));
      if (!known) return problem(400, "Bad Request: message to edit not found");
      if (
        known.text === payload["text"] &&
        sameEntities(known.entities, payload["entities"]) &&
        sameEntities(known.reply_markup?.inline_keyboard, keyboardOf(payload))
      )
        return problem(
          400,
          "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        );
      return keep(payload, token, known.message_id);
    },
    deleteMessage: ({ message_id }) =>
      messages.delete(Number(message_id)) || problem(400, "Bad Request: message to delete not found"),
    sendChatAction: () => true,
    answerCallbackQuery(payload) {
      const wrong = problemWithTapAnswer(payload);
      if (wrong !== undefined) return problem(400, wrong);
      // An answer ends it.
      if (!taps.delete(String(payload["callback_query_id"])))
        return problem(400, "Bad Request: query is too old and response timeout expired or query ID is invalid");
      return true;
    },
    getChat: ({ chat_id }) =>
      Number(chat_id) > 0 || chats.has(Number(chat_id))
        ? { id: chat_id, type: Number(chat_id) > 0 ? "private" : "supergroup" }
        : problem(400, "Bad Request: chat not found"),
    getChatMember: ({ chat_id, user_id }, token) =>
      chats.has(Number(chat_id))
        ? { user: me(token), status: user_id === me(token).id ? "member" : "left" }
        : problem(400, "Bad Request: chat not found"),
    setMessageReaction: () => true,
    setMyCommands: () => true,
    setWebhook({ url, secret_token, allowed_updates, max_connections }, token) {
      if (secret_token !== undefined && !/^[A-Za-z0-9_-]{1,256}$/.test(secret_token as string))
        return problem(400, "Bad Request: secret token contains unallowed characters");
      webhooks.set(token, {
        url: url as string,
        has_custom_certificate: false,
        pending_update_count: 0,
        ...(secret_token !== undefined && { secret_token: secret_token as string }),
        ...(max_connections !== undefined && { max_connections: max_connections as number }),
        ...(allowed_updates !== undefined && {
          allowed_updates: allowed_updates as NonNullable<WebhookInfo["allowed_updates"]>,
        }),
      });
      return true;
    },
    getUpdates: (_, token) =>
      webhooks.get(token)?.url
        ? problem(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
          )
        : updates,
    deleteWebhook: (_, token) => (webhooks.delete(token), true),
    getWebhookInfo(_, token) {
      const { secret_token: _secret, ...info } = webhooks.get(token) ?? {
        url: "",
        has_custom_certificate: false,
        pending_update_count: 0,
      };
      return info;
    },
    getFile({ file_id }) {
      const file = files.get(String(file_id));
      if (!file) return problem(400, "Bad Request: wrong file_id or the file is temporarily unavailable");
      return { file_id, file_unique_id: file_id, file_path: file.path, file_size: file.size ?? file.bytes.length };
    },
  };

  function keep(payload: Record<string, unknown>, token: string, message_id: number): Message.TextMessage {
    const chat = Number(payload["chat_id"]);
    const message = {
      message_id,
      date: Math.floor(Date.now() / 1000),
      from: me(token),
      chat:
        chat > 0 ? { id: chat, type: "private", first_name: "Test" } : { id: chat, type: "supergroup", title: "Test" },
      text: payload["text"],
      ...(payload["entities"] !== undefined && { entities: payload["entities"] }),
      ...(payload["reply_markup"] !== undefined && { reply_markup: payload["reply_markup"] }),
      ...(payload["message_thread_id"] !== undefined && { message_thread_id: payload["message_thread_id"] }),
    } as unknown as Message.TextMessage;
    messages.set(message_id, message);
    if (messages.size > maxCalls) messages.delete(messages.keys().next().value!);
    return message;
  }

  function keepFile(as: "photo" | "document", payload: Record<string, unknown>, token: string): object {
    const { name, bytes } = payload[as] as FormFile;
    const [chat, caption] = [Number(payload["chat_id"]), payload["caption"] as string | undefined];
    sentFiles.push({ as, chat, messageId: ++lastMessage, caption, name, bytes });
    return {
      message_id: lastMessage,
      date: Math.floor(Date.now() / 1000),
      from: me(token),
      chat: { id: chat },
      caption,
    };
  }

  function record(call: BotApiCall): void {
    calls.push(call);
    if (calls.length > maxCalls) calls.splice(0, maxCalls / 4);
    for (const waiter of waiting) if (waiter.satisfies(call)) waiter.resolve(call);
  }

  function failureFor(call: BotApiCall): Failure | undefined {
    const planned = failures.get(call.method);
    if (!planned || planned.times-- <= 0) return undefined;
    return typeof planned.how === "function" ? planned.how(call) : planned.how;
  }

  function perform(call: BotApiCall): Problem | { ok: true; result: unknown } {
    const act = methods[call.method];
    if (!act) return problem(404, "Not Found");
    if (isText(call.method)) {
      const description = problemWith(call.payload);
      if (description !== undefined) return problem(400, description);
    }
    if (isFile(call.method)) {
      const description = problemWithFile(call.method, call.payload);
      if (description !== undefined) return problem(400, description);
    }
    const result = act(call.payload, call.token);
    return result instanceof Problem ? result : { ok: true, result };
  }

  const answer = async (context: Context<{ Bindings: HttpBindings }>): Promise<Response> => {
    const [, token = "", method = ""] = /^\/bot([^/]+)\/(\w+)$/.exec(context.req.path) ?? [];
    if (!/^\d+:[\w-]+$/.test(token)) return asResponse(problem(404, "Not Found"));
    const type = context.req.header("content-type") ?? "";
    const payload = type.startsWith("multipart/form-data")
      ? payloadOf(parseForm(Buffer.from(await context.req.arrayBuffer()), type))
      : ((await context.req.json().catch(() => ({}))) as Record<string, unknown>);
    const call: BotApiCall = { method, token, payload, at: performance.now() };
    const failure = failureFor(call);
    if (failure === "hang") {
      record(call);
      await closed(context.env.incoming);
      return context.body(null);
    }
    const done = failure === undefined || failure === "lose" ? perform(call) : undefined;
    record(call);
    if (failure === "drop" || failure === "lose") {
      context.env.incoming.socket.destroy();
      return context.body(null);
    }
    if (failure instanceof Response) return failure.clone();
    if (failure) return asResponse(new Problem(failure));
    return done instanceof Problem ? asResponse(done) : Response.json(done);
  };

  const app = new Hono<{ Bindings: HttpBindings }>()
    .get("/file/:bot/*", (context) => {
      const path = decodeURIComponent(context.req.path.split("/").slice(3).join("/"));
      const file = [...files.values()].find((candidate) => candidate.path === path);
      return file ? new Response(Buffer.from(file.bytes)) : asResponse(problem(404, "Not Found"));
    })
    .all("*", answer);

  const server = await new Promise<Server>((resolve) => {
    const started = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: options.port ?? 0 }, () =>
      resolve(started as Server),
    );
  });
  let connections = 0;
  server.on("connection", () => (connections += 1));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;

  return {
    url,
    calls,
    files,
    updates,
    chats,
    sent: (chat) =>
      [...messages.values()]
        .filter((message) => chat === undefined || message.chat.id === chat)
        .toSorted((a, b) => a.message_id - b.message_id),
    sentFiles: (chat) => sentFiles.filter((file) => chat === undefined || file.chat === chat),
    async waitFor(satisfies, ms = patienceMs) {
      const past = calls.find(satisfies);
      if (past) return past;
      const { promise, resolve, reject } = Promise.withResolvers<BotApiCall>();
      const waiter = { satisfies, resolve };
      waiting.add(waiter);
      const timer = setTimeout(
        () => reject(new Error(`no such call within ${ms} ms; the last were ${lastOf(calls)}`)),
        ms,
      );
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(waiter);
      });
    },
    fail: (method, times, how) => void failures.set(method, { times, how }),
    push(webhook, secret, update) {
      if (update.callback_query) taps.add(update.callback_query.id);
      return push(webhook, secret, update);
    },
    webhook: (token) => webhooks.get(token),
    connections: () => connections,
    reset() {
      connections = 0;
      calls.length = 0;
      messages.clear();
      sentFiles.length = 0;
      failures.clear();
    },
    async stop() {
      const stopped = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await stopped;
    },
  };
}

class Problem {
  readonly error: Omit<ApiError, "ok">;
  constructor(error: Omit<ApiError, "ok">) {
    this.error = error;
  }
}

const problem = (error_code: number, description: string): Problem => new Problem({ error_code, description });

const asResponse = ({ error }: Problem): Response =>
  Response.json({ ok: false, ...error }, { status: error.error_code });

/** What is said of calls where the one that was waited for did not come. */
const lastOf = (calls: readonly BotApiCall[]): string =>
  JSON.stringify(calls.slice(-10).map(({ method, payload }) => [method, payload["chat_id"], payload["text"]]));

const closed = (incoming: IncomingMessage): Promise<unknown> =>
  new Promise((resolve) => incoming.socket.once("close", resolve));

const keyboardOf = ({ reply_markup }: Readonly<Record<string, unknown>>): unknown =>
  (reply_markup as { inline_keyboard?: unknown } | undefined)?.inline_keyboard;

const sameEntities = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? []) === JSON.stringify(b ?? []);

async function push(webhook: string, secret: string, update: Update): Promise<Pushed> {
  let status = 0;
  for (let attempts = 1; ; attempts++) {
    try {
      const response = await fetch(webhook, {
        method: "POST",
        headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret },
        body: JSON.stringify(update),
      });
      await response.arrayBuffer();
      status = response.status;
    } catch {
      status = 0;
    }
    if ((status >= 200 && status < 300) || attempts === maxAttempts) return { status, attempts };
    await sleep(20 * attempts);
  }
}
