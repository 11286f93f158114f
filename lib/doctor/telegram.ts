/** Each Telegram bot: its token, its webhook, what Telegram says of its pushes, and the groups it is to answer in. */
import type { Config, TelegramBot } from "../config/config.ts";
import { exchange } from "../http/exchange.ts";
import { type Answer, callTelegram } from "../telegram/api.ts";
import { botId } from "../telegram/identity.ts";
import { allowedUpdates } from "../telegram/setup.ts";
import { age, type Check, fail, type Finding, NotSeen, ok, type Shared, shared, skipped, warn } from "./check.ts";
import { isOurs } from "./gateway.ts";
import type { Ground } from "./ground.ts";

/** As much of getWebhookInfo's answer as is looked at; instants are Unix seconds. */
interface Webhook {
  readonly url?: string | undefined;
  readonly ip_address?: string | undefined;
  readonly allowed_updates?: readonly string[] | undefined;
  readonly pending_update_count: number;
  readonly last_error_date?: number | undefined;
  readonly last_error_message?: string | undefined;
}

/** Of getMe's. */
interface Me {
  readonly id: number;
  readonly username: string;
  readonly can_join_groups: boolean;
  readonly can_read_all_group_messages: boolean;
}

const timeoutMs = 10_000;

export function telegramChecks(ground: Ground): Check[] {
  const { config } = ground;
  return [
    ...[...config.telegram.values()].flatMap((bot) => botChecks(ground, bot)),
    ...(config.operator?.startsWith("telegram:")
      ? [
          {
            name: "telegram.operator",
            look: () => lookAtOperator(config, Number(config.operator?.slice("telegram:".length))),
          },
        ]
      : []),
  ];
}

function botChecks(ground: Ground, bot: TelegramBot): Check[] {
  const key = `telegram.${bot.name}`;
  const me = shared<Me>(`Telegram does not tell of ${key}`, async (signal) =>
    resultOf(await callTelegram(bot, "getMe", undefined, { timeoutMs, signal })),
  );
  const hook = shared<Webhook>(`Telegram does not tell of ${key}`, async (signal) => {
    await me.lean(signal);
    return resultOf(await callTelegram(bot, "getWebhookInfo", undefined, { timeoutMs, signal }));
  });
  return [
    { name: `${key}.token`, look: (signal) => lookAtToken(bot, me, signal) },
    { name: `${key}.webhook`, look: async (signal) => lookAtWebhook(bot, await hook.own(signal)) },
    { name: `${key}.pushes`, look: async (signal) => lookAtPushes(bot, await hook.lean(signal), Date.now() / 1000) },
    ...(bot.webhook_url === undefined
      ? []
      : [{ name: `${key}.url`, look: (signal: AbortSignal) => lookAtUrl(ground, bot, signal) }]),
    ...(bot.chats.length === 0
      ? []
      : [
          {
            name: `${key}.groups`,
            look: async (signal: AbortSignal) => lookAtGroups(bot, await me.lean(signal), signal),
          },
        ]),
  ];
}

/** A refusal of Telegram's, or that it was not reached. Its reason holds no secret. */
class NotTold extends Error {
  readonly status: number | undefined;

  constructor({ failure }: Extract<Answer<unknown>, { ok: false }>) {
    super(failure.reason);
    this.status = failure.kind === "answered" ? failure.status : undefined;
  }
}

function resultOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.result;
  throw new NotTold(answer);
}

async function lookAtToken(bot: TelegramBot, me: Shared<Me>, signal: AbortSignal): Promise<Finding> {
  try {
    const { username, id } = await me.own(signal);
    return ok(`@${username} (${id})`);
  } catch (thrown) {
    if (!(thrown instanceof NotTold)) throw thrown;
    if (thrown.status === 401 || thrown.status === 404)
      return fail(
        `Telegram refuses the token (${thrown.message})`,
        "@BotFather shows the right one by /token; put it where the config looks, and restart or reload",
      );
    return fail(
      `Telegram does not answer (${thrown.message})`,
      `can this machine reach ${new URL(bot.api_root).host}? See its DNS and firewall`,
    );
  }
}

const setIt = (bot: TelegramBot): string => `claw telegram set-webhook ${bot.name}`;

function lookAtWebhook(bot: TelegramBot, hook: Webhook): Finding {
  if (!hook.url) return fail("no webhook is set: nothing reaches the bot", setIt(bot));
  if (bot.webhook_url !== undefined && hook.url !== bot.webhook_url)
    return fail(
      `is set to ${hook.url}, the config says ${bot.webhook_url}`,
      `${setIt(bot)}, unless another gateway is to have the bot`,
    );
  const subscribed = hook.allowed_updates ?? [];
  const missing = allowedUpdates.filter((kind) => !subscribed.includes(kind));
  if (missing.length > 0) return warn(`${hook.url} is not told of ${missing.join(", ")}`, setIt(bot));
  return ok(`${hook.url}${hook.ip_address === undefined ? "" : ` (${hook.ip_address})`}`);
}

/** For so long a failed push still says how things are, where nothing has come through since. */
const recentSeconds = 600;
const manyWaiting = 20;

function lookAtPushes(bot: TelegramBot, hook: Webhook, now: number): Finding {
  if (!hook.url) throw new NotSeen("no webhook is set");
  const { pending_update_count: waiting, last_error_date: at, last_error_message: why = "no reason given" } = hook;
  const ago = at === undefined ? Number.POSITIVE_INFINITY : now - at;
  const failed = `last failed ${age(ago)} ago: ${why}`;
  if (waiting > 0 && at !== undefined && (ago < recentSeconds || waiting > manyWaiting))
    return fail(`Telegram cannot push, ${waiting} updates wait; ${failed}`, remedyFor(bot, why));
  if (waiting > manyWaiting)
    return warn(`${waiting} updates wait to be pushed`, "is the gateway slow to answer? See its log");
  if (ago < recentSeconds) return warn(`nothing waits, but a push ${failed}`, remedyFor(bot, why));
  return ok(`${waiting} updates wait${at === undefined ? ", no push has failed" : `; a push ${failed}`}`);
}

/** By the words Telegram has for it (https://core.telegram.org/bots/webhooks and its server's source). */
function remedyFor(bot: TelegramBot, why: string): string {
  const path = `/telegram/${bot.name}`;
  if (/\b(401|403)\b/.test(why)) return `the secret is not the config's: ${setIt(bot)}`;
  if (/\b404\b/.test(why)) return `the reverse proxy must lead the URL to ${path} of listen.public`;
  if (/\b30[1278]\b/.test(why))
    return "the URL redirects, which Telegram does not follow: write where it leads to into webhook_url";
  if (/\b50[0234]\b/.test(why))
    return "the reverse proxy does not reach the gateway: is it running, and is the address right?";
  if (/ssl|certificate/i.test(why))
    return "the certificate must be whole, of a known authority and for this name: look at the reverse proxy's";
  if (/resolve host/i.test(why)) return "the name of webhook_url must be known to all the world's DNS";
  if (/read timeout/i.test(why))
    return "it is reached and not answered in time: see the reverse proxy's log, and the gateway's";
  if (/refused|timed out|timeout|unreachable/i.test(why))
    return "nothing is reached there: ports 443, 80, 88 or 8443 must be open to Telegram, and lead to the reverse proxy";
  return "see the reverse proxy's log, and the gateway's";
}

/** Whether the webhook's URL leads to a gateway, as far as that can be seen from here. A GET changes nothing there. */
async function lookAtUrl({ gateway }: Ground, bot: TelegramBot, signal: AbortSignal): Promise<Finding> {
  await gateway.lean(signal);
  const url = bot.webhook_url ?? "";
  let answer;
  try {
    answer = await exchange(url, { method: "GET", signal, timeoutMs }, 1024 * 1024);
  } catch (thrown) {
    return skipped(
      `${new URL(url).host} is not reached from here (${(thrown as Error).message}): what Telegram says counts`,
    );
  }
  let body: unknown;
  try {
    body = JSON.parse(answer.body.toString("utf8"));
  } catch {
    // Somebody else's page.
  }
  if (isOurs(body)) return ok("leads to a gateway");
  return fail(
    `${url} answers ${answer.status}, and it is not the gateway`,
    `the reverse proxy must lead it to /telegram/${bot.name} of listen.public`,
  );
}

async function lookAtGroups(bot: TelegramBot, me: Me, signal: AbortSignal): Promise<readonly Finding[]> {
  const hears = me.can_read_all_group_messages ? "it hears everything" : "it hears commands, answers and mentions";
  const found = await Promise.all(
    bot.chats.map(async (chat): Promise<Finding> => {
      const answer = await callTelegram(
        bot,
        "getChatMember",
        { chat_id: chat, user_id: botId(bot) },
        { timeoutMs, signal },
      );
      const status = answer.ok ? answer.result.status : "unknown";
      if (!answer.ok && answer.failure.kind !== "answered")
        throw new NotSeen(`Telegram does not tell of telegram.${bot.name}`);
      if (status === "administrator" || status === "creator")
        return ok(`in ${chat}, as an administrator: it hears everything`);
      if (status === "member" || status === "restricted") return ok(`in ${chat}; ${hears}`);
      const join = me.can_join_groups ? "" : "let it join groups (@BotFather /setjoingroups), then ";
      return warn(
        `is not in the group ${chat}`,
        `${join}add it there, or take the group out of telegram.${bot.name}.chats`,
      );
    }),
  );
  return found;
}

/** Whether some bot may write where the operator is. */
async function lookAtOperator(config: Config, chat: number): Promise<Finding> {
  const [bot] = config.telegram.values();
  if (!bot) throw new NotSeen("there is no bot");
  const answer = await callTelegram(bot, "getChat", { chat_id: chat }, { timeoutMs });
  if (answer.ok) return ok(`${bot.name} can write to ${chat}`);
  if (answer.failure.kind !== "answered") throw new NotSeen(`Telegram does not tell of telegram.${bot.name}`);
  return warn(
    `${bot.name} does not know the chat ${chat} (${answer.failure.reason})`,
    "send the bot a message there first: /start in private, or add it to the group",
  );
}
