import type { Channel, Destination, Lane } from "../channel/types.ts";
import type { OutboxEntry } from "../ledger/outbox.ts";

/** An answer as outbox entries. The same `key` makes the same entries, so that a repeat is dropped. */
export const toEntries = (
  channel: Channel,
  lane: Lane,
  destination: Destination,
  key: string,
  markdown: string,
): OutboxEntry[] =>
  channel.render(markdown, destination).map((body, index) => ({ key: `${key}:${index}`, lane, destination, body }));
