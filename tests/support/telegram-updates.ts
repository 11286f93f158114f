/** Updates as Telegram would push them. */
import type { Message, MessageEntity, Update, User } from "@grammyjs/types";

let lastUpdate = 700_000_000;

/** A fresh update_id. */
export const nextUpdateId = (): number => ++lastUpdate;

/** A person. */
export const person = (id: number, more: Partial<User> = {}): User => ({
  id,
  is_bot: false,
  first_name: "Ada",
  ...more,
});

/** The entities Telegram's servers find in a text: commands and mentions. */
export function entitiesOf(text: string): MessageEntity[] {
  return [...text.matchAll(/(?<=^|\s)(?:\/\w+(?:@\w+)?|@\w{4,})/g)].map((match) => ({
    type: match[0].startsWith("/") ? "bot_command" : "mention",
    offset: match.index,
    length: match[0].length,
  }));
}

/** A message update; a text brings its entities, everything can be overridden. */
export function messageUpdate(
  from: User,
  chat: { id: number; type: string },
  content: Record<string, unknown>,
): Update & { message: Message } {
  const text = content["text"];
  return {
    update_id: nextUpdateId(),
    message: {
      message_id: lastUpdate - 700_000_000,
      date: 1_780_000_000,
      from,
      chat,
      ...(typeof text === "string" && entitiesOf(text).length > 0 && { entities: entitiesOf(text) }),
      ...content,
    },
  } as unknown as Update & { message: Message };
}

/** A text in a private chat with the bot. */
export const privateText = (from: number, text: string): Update & { message: Message } =>
  messageUpdate(person(from), { id: from, type: "private" }, { text });

/** A text in a group. */
export const groupText = (from: number, chat: number, text: string): Update & { message: Message } =>
  messageUpdate(person(from), { id: chat, type: "supergroup" }, { text });

/** A tap on a button of a message that the bot sent; `data` by default what the button of that label carries. */
export function tapUpdate(from: User, message: Message.TextMessage, label: string | RegExp, data?: string): Update {
  const buttons = message.reply_markup?.inline_keyboard.flat() ?? [];
  const button = buttons.find(({ text }) => (typeof label === "string" ? text === label : label.test(text)));
  if (!button && data === undefined) throw new Error(`no button ${label}: there are ${JSON.stringify(buttons)}`);
  const id = nextUpdateId();
  return {
    update_id: id,
    callback_query: {
      id: `tap${id}`,
      from,
      message,
      chat_instance: "1",
      data: data ?? (button && "callback_data" in button ? button.callback_data : ""),
    },
  };
}
