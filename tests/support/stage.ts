/** A gateway between a stand-in Bot API and a scripted model, and people who write to it. */
import type { Update } from "@grammyjs/types";
import { startBotApi, type BotApi } from "./bot-api.ts";
import { startTestGateway, testEnvironment, type TestGateway, type TestGatewayOptions } from "./gateway.ts";
import { type ModelServer, type ModelServerOptions, type Script, startModelServer } from "./model-server.ts";
import { telegramConfig } from "./telegram-config.ts";
import { messageUpdate, person } from "./telegram-updates.ts";

/** The group the bot of the test config answers in, and one it does not. */
export const group = -100500;
export const otherGroup = -100501;

export interface Stage {
  readonly botApi: BotApi;
  readonly model: ModelServer;
  readonly gateway: TestGateway;
  /** The config as it was started with, to be changed for a reload. */
  readonly toml: string;
  /** Somebody nobody knows yet, with every right of the owners. */
  person(): number;
  push(update: Update): Promise<number>;
  /** Says something in private; resolves with the status of the push. */
  say(from: number, text: string): Promise<number>;
  /** Sends what is no text: a photo, a voice note, a document. */
  send(from: number, content: Record<string, unknown>): Promise<number>;
  /** Says something in a group. */
  sayIn(chat: number, from: number, text: string): Promise<number>;
  /** The next message to the chat that was not asked for yet, as its text. */
  heard(chat: number): Promise<string>;
  /** How many messages the chat got so far. */
  count(chat: number): number;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly script?: Script;
  readonly model?: ModelServerOptions;
  readonly backend?: string;
  readonly agent?: string;
  readonly top?: string;
  /** Further secrets. */
  readonly environment?: Record<string, string>;
  readonly token?: TestGatewayOptions["token"];
  readonly connect?: TestGatewayOptions["connect"];
  readonly tracing?: TestGatewayOptions["tracing"];
  /** The last word on the config. */
  readonly config?: (toml: string) => string;
}

const people = Array.from({ length: 200 }, (_, index) => 2001 + index);

/** The test config, with many owners: each test has a person, and so a conversation, of its own. */
export const stageConfig = (around: Parameters<typeof telegramConfig>[0]): string =>
  telegramConfig(around).replace(
    'members = ["telegram:1001"]',
    `members = [${["1001", ...people].map((id) => `"telegram:${id}"`).join(", ")}]`,
  );

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const [botApi, model] = await Promise.all([
    startBotApi(),
    startModelServer(options.script ?? { text: "Hello." }, options.model),
  ]);
  const plain = stageConfig({ modelUrl: model.url, botApiUrl: botApi.url, ...options });
  const toml = options.config?.(plain) ?? plain;
  const { environment = {}, token, connect, tracing } = options;
  const gateway = await startTestGateway(toml, { environment, token, connect, tracing });
  return {
    ...actions(botApi, () => gateway.publicUrl),
    model,
    gateway,
    toml,
    async stop() {
      await gateway.stop();
      await Promise.all([botApi.stop(), model.stop()]);
    },
  };
}

/** What people do, at a gateway wherever it is. */
export function actions(
  botApi: BotApi,
  publicUrl: () => string,
): Pick<Stage, "botApi" | "person" | "push" | "say" | "send" | "sayIn" | "heard" | "count"> {
  const taken = new Map<number, number>();
  const fresh = people.values();
  const texts = (chat: number): string[] =>
    botApi.calls
      .filter(({ method, payload }) => method === "sendMessage" && payload["chat_id"] === chat)
      .map(({ payload }) => String(payload["text"]));
  const push = async (update: Update): Promise<number> => {
    const secret = testEnvironment["TELEGRAM_SECRET"] ?? "";
    return (await botApi.push(`${publicUrl()}/telegram/main`, secret, update)).status;
  };
  const send = (from: number, content: Record<string, unknown>): Promise<number> =>
    push(messageUpdate(person(from), { id: from, type: "private" }, content));
  return {
    botApi,
    person() {
      const { value } = fresh.next();
      if (value === undefined) throw new Error("add more people");
      return value;
    },
    push,
    send,
    say: (from, text) => send(from, { text }),
    sayIn: (chat, from, text) => push(messageUpdate(person(from), { id: chat, type: "supergroup" }, { text })),
    async heard(chat) {
      const index = taken.get(chat) ?? 0;
      taken.set(chat, index + 1);
      await botApi.waitFor(() => texts(chat).length > index);
      return texts(chat)[index] ?? "";
    },
    count: (chat) => texts(chat).length,
  };
}
