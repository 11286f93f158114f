import type { LinkPolicy } from "../channel/links.ts";
import type { Channel, Destination, Lane, TapQuestion } from "../channel/types.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";
import { mimeOf } from "../media/mime.ts";
import type { FileToSend } from "../tools/define.ts";

/** An answer as outbox entries, with the links the policy leaves it. The same `key` makes the same entries: a repeat is dropped. */
export const toEntries = (
  channel: Channel,
  lane: Lane,
  destination: Destination,
  key: string,
  markdown: string,
  links?: LinkPolicy,
): OutboxEntry[] =>
  channel
    .render(markdown, destination, links)
    .map((body, index) => ({ key: `${key}:${index}`, lane, destination, body }));

/** A question as outbox entries, with what can be tapped. */
export const toQuestionEntries = (
  channel: Channel,
  lane: Lane,
  destination: Destination,
  markdown: string,
  question: TapQuestion,
  links?: LinkPolicy,
): OutboxEntry[] =>
  channel
    .renderQuestion(markdown, destination, question, links)
    .map((body, index) => ({ key: `${question.key}:${index}`, lane, destination, body }));

/** A tool's file as an outbox entry; its key is apart from those of answers, which begin with their run's id as well. */
export const toFileEntry = (
  channel: Channel,
  lane: Lane,
  destination: Destination,
  { key, ...file }: FileToSend,
  links?: LinkPolicy,
): OutboxEntry => ({
  key: `file:${key}`,
  lane,
  destination,
  body: channel.renderFile({ ...file, mime: mimeOf(file.bytes) }, destination, links),
});
