/** Questions about Matrix and Telegram. One of them at least has to be there. */
import { randomInt } from "node:crypto";
import { httpUrl, principal, roomId, serverName } from "../config/primitives.ts";
import { safeParse } from "../safe-parse.ts";
import type { Known } from "./answers.ts";
import { deploymentOf } from "./deployments.ts";
import { by, type Looks, type Person, type Question, wrong } from "./question.ts";
import { givenSecrets } from "./secrets.ts";

const onMatrix = ({ matrixUser }: Known): boolean => matrixUser !== undefined;
const onTelegram = ({ telegramToken }: Known): boolean => telegramToken !== undefined;

/** A check of a principal's id, with or without its channel in front; `problem`: what is said of anything else. */
const idOn =
  (channel: "matrix" | "telegram", problem: string): Question["check"] =>
  (text) => {
    const id = safeParse(principal, text.startsWith(`${channel}:`) ? text : `${channel}:${text}`);
    if (!id.success) throw wrong(problem);
    return id.data.slice(channel.length + 1);
  };

/** Matrix, then Telegram. */
export const channelQuestions: readonly Question[] = [
  {
    key: "matrixUser",
    flag: "--matrix-user <@me:server>",
    help: "your own Matrix id; without it there is no Matrix",
    ask: "Your Matrix id, such as @me:home.example",
    otherwise: "no Matrix",
    check: idOn("matrix", "must be your whole id: @name:server"),
  },
  {
    key: "matrixServer",
    flag: "--matrix-server <name>",
    help: "your homeserver's name, where it is not the one in your id",
    when: onMatrix,
    suggest: ({ matrixUser = "" }) => matrixUser.slice(matrixUser.indexOf(":") + 1),
    check: by(serverName),
  },
  {
    key: "homeserver",
    flag: "--homeserver <url>",
    help: "the homeserver's client-server API as the gateway reaches it",
    ask: "The homeserver as the gateway reaches it",
    when: onMatrix,
    suggest: suggestHomeserver,
    check: by(httpUrl),
    // A name between containers means nothing out here.
    look: async ({ homeserver = "", deployment }, looks) =>
      deployment === "compose" && !homeserver.includes(".") ? undefined : looks.homeserver(homeserver),
  },
  {
    key: "appserviceUrl",
    flag: "--appservice-url <url>",
    help: "the gateway's public listener as the homeserver reaches it",
    ask: "The gateway as the homeserver reaches it",
    when: onMatrix,
    suggest: (known) => deploymentOf(known).appserviceUrl(known.listenPublic ?? ""),
    check: by(httpUrl),
  },
  {
    key: "matrixRoom",
    flag: "--matrix-room <!id:server>",
    help: "a room the agent joins, and where jobs speak",
    ask: "A room for its reports, by its id (Element: Room settings, Advanced), such as !abc:home.example",
    when: onMatrix,
    otherwise: "direct chats only, for now",
    check: by(roomId),
  },
  {
    key: "telegramApiRoot",
    flag: "--telegram-api-root <url>",
    help: "your own Bot API server",
    otherwise: "Telegram's",
    check: by(httpUrl),
  },
  {
    key: "telegramToken",
    flag: "--telegram-token-file <file>",
    help: "a file with the bot's token (or the variable TELEGRAM_TOKEN); this or --matrix-user has to be there",
    ask: "A Telegram bot's token: write /newbot to @BotFather, who answers with it",
    secret: givenSecrets.telegramToken,
    otherwise: (known) => (onMatrix(known) ? "no Telegram" : undefined),
    check: (text) => {
      if (!/^\d{1,20}:[A-Za-z0-9_-]{1,100}$/.test(text))
        throw wrong("must be a number, a colon and letters, as in 123456:ABC-def");
      return text;
    },
    look: async ({ telegramToken, telegramApiRoot }, looks) =>
      telegramToken === undefined ? undefined : looks.bot(telegramToken, telegramApiRoot),
  },
  {
    key: "telegramUser",
    flag: "--telegram-user <number>",
    help: "your own numeric Telegram id; the bot tells it to whoever writes to it",
    ask: "Your numeric Telegram id",
    when: onTelegram,
    otherwise: "find it out",
    check: idOn("telegram", "must be a number: a username can become another's"),
    find: findTelegramUser,
  },
  {
    key: "publicUrl",
    flag: "--public-url <https://host>",
    help: "the address from which your proxy passes /telegram/ to the gateway",
    ask: "The public https address that your reverse proxy passes to the gateway, such as https://claw.example",
    when: onTelegram,
    otherwise: "later",
    check: (text, { telegramApiRoot }) => {
      const url = by(httpUrl)(text);
      if (!url.startsWith("https:") && telegramApiRoot === undefined)
        throw wrong("must begin with https://: Telegram pushes to nothing else");
      return url;
    },
  },
];

async function suggestHomeserver(known: Known, looks: Looks | undefined): Promise<string> {
  const usual = deploymentOf(known).homeserver;
  if (known.deployment === "compose" || looks === undefined) return usual;
  if ((await looks.homeserver(usual)).value) return usual;
  return (await looks.discover(known.matrixServer ?? "")) ?? usual;
}

/** Whoever writes to the bot what this terminal alone shows: anybody can write to a bot, by any name. */
async function findTelegramUser(known: Known, looks: Looks, person: Person): Promise<string | undefined> {
  const { telegramToken = "", telegramApiRoot } = known;
  const { value: bot } = await looks.bot(telegramToken, telegramApiRoot);
  if (bot === undefined) return undefined;
  const number = String(randomInt(100_000, 1_000_000));
  for (;;) {
    const said = await person.ask(`Write ${number} to @${bot} in Telegram, then press enter (or type "later")`, false);
    if (said.trim() !== "") return undefined;
    const { value: writers, said: problem } = await looks.writers(number, telegramToken, telegramApiRoot);
    if (writers === undefined) {
      person.tell(`  ${problem}`);
      return undefined;
    }
    const [writer] = writers;
    if (writer) {
      person.tell(`  that was ${writer.name}, id ${writer.id}`);
      return writer.id;
    }
    person.tell("  it has not come yet");
  }
}
