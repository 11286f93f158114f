/** What the Bot API sends, as far as it is read here: tolerant of everything else. https://core.telegram.org/bots/api */
import { z } from "zod";

const user = z.object({
  id: z.int().positive(),
  is_bot: z.boolean().optional(),
  first_name: z.string().optional(),
  last_name: z.string().optional(),
  username: z.string().optional(),
});

const entity = z.object({
  type: z.string(),
  offset: z.int().nonnegative(),
  length: z.int().nonnegative(),
  user: user.optional(),
});

const file = z.object({
  file_id: z.string().min(1),
  file_name: z.string().optional(),
  mime_type: z.string().optional(),
  file_size: z.number().optional(),
});

const photoSize = z.object({
  file_id: z.string().min(1),
  width: z.number(),
  height: z.number(),
  file_size: z.number().optional(),
});

const present = z.unknown().optional();

export const messageSchema = z.object({
  message_id: z.int(),
  message_thread_id: z.int().optional(),
  is_topic_message: z.boolean().optional(),
  from: user.optional(),
  sender_chat: present,
  chat: z.object({ id: z.int(), type: z.string() }),
  media_group_id: z.string().optional(),
  date: z.int().nonnegative().max(253_402_300_799),
  text: z.string().optional(),
  entities: z.array(entity).optional(),
  caption: z.string().optional(),
  caption_entities: z.array(entity).optional(),
  forward_origin: present,
  reply_to_message: z
    .object({
      from: user.optional(),
      text: z.string().optional(),
      caption: z.string().optional(),
      forum_topic_created: present,
    })
    .optional(),
  quote: z.object({ text: z.string() }).optional(),
  photo: z.array(photoSize).optional(),
  document: file.optional(),
  voice: file.optional(),
  audio: file.optional(),
  video: file.optional(),
  video_note: file.optional(),
  sticker: z.object({ emoji: z.string().optional() }).optional(),
  location: z.object({ latitude: z.number(), longitude: z.number() }).optional(),
  venue: z.object({ title: z.string(), address: z.string() }).optional(),
  contact: z.object({ first_name: z.string(), last_name: z.string().optional(), phone_number: z.string() }).optional(),
  poll: z.object({ question: z.string(), options: z.array(z.object({ text: z.string() })) }).optional(),
  dice: z.object({ emoji: z.string(), value: z.number() }).optional(),
  story: present,
  game: present,
  checklist: present,
  paid_media: present,
  invoice: present,
  giveaway: present,
  migrate_to_chat_id: z.int().optional(),
});

/** A tap on a button. Without `message` it belongs to an inline message, which the bot never sends. */
export const callbackQuerySchema = z.object({
  id: z.string().min(1).max(255),
  from: user,
  message: z
    .object({
      message_id: z.int(),
      message_thread_id: z.int().optional(),
      is_topic_message: z.boolean().optional(),
      chat: z.object({ id: z.int(), type: z.string() }),
    })
    .optional(),
  data: z.string().optional(),
});

/** Every update has an id; which one of the other keys it has is its kind. */
export const updateSchema = z.looseObject({ update_id: z.int() });

/** Where and by whom, of an update that is only recorded: whatever of it can be understood. */
export const whereSchema = z.object({
  chat: z.object({ id: z.int() }).optional().catch(undefined),
  message: z
    .object({ chat: z.object({ id: z.int() }) })
    .optional()
    .catch(undefined),
  from: z.object({ id: z.int().positive() }).optional().catch(undefined),
  user: z.object({ id: z.int().positive() }).optional().catch(undefined),
});

export type WireCallbackQuery = z.output<typeof callbackQuerySchema>;
export type WireMessage = z.output<typeof messageSchema>;
export type WireEntity = z.output<typeof entity>;
