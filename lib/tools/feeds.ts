/** feeds_*: what came in from the feeds a household reads, by Miniflux. */
import { z } from "zod";
import type { FeedsService, Services } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { cutTo, fairShare } from "../sources/fair-share.ts";
import { type Entries, type Entry, type EntryQuery, findEntries, markRead } from "../sources/miniflux.ts";
import { textOfHtml } from "../sources/plain.ts";
import { defineTool, type Tool, type ToolOutput } from "./define.ts";
import { instantInput } from "./dates.ts";
import { minuteOf } from "../time/wall-clock.ts";

/** An entry as `data` has it. */
export interface FeedEntry extends Omit<Entry, "content"> {
  /** Its content, cut by the budget of all of them. */
  readonly text: string;
}

/** What feeds_unread and feeds_search return as `data`. */
export interface FeedsData {
  /** The newest first. */
  readonly entries: readonly FeedEntry[];
  /** How many there are without the limit. */
  readonly total: number;
}

const most = z.int().min(1).max(500).optional();

/** The family's tools. `services` is read at each call: config may change. */
export function feedsTools(services: () => Services): Tool[] {
  // Two requests of 60 s each at the worst.
  const facts = { service: "feeds" as const, effect: "idempotent" as const, timeoutMs: 125_000 };
  const reading = { ...facts, labels: ["untrusted"] as const, outputLimit: 250_000 };
  const read = async (query: Query, { signal, timezone }: Situation): Promise<ToolOutput> => {
    const service = serviceOf(services());
    const limit = Math.min(query.limit ?? service.maxEntries, service.maxEntries);
    const found = await findEntries(service, { ...query, limit }, signal);
    const entries = await withTexts(found, service);
    const data: FeedsData = { entries, total: found.total };
    return { text: described(data, { ...query, damaged: found.damaged, timezone }), data };
  };
  return [
    defineTool({
      ...reading,
      name: "feeds_unread",
      description: "Unread entries of the feeds, the newest first, with their ids.",
      input: z.strictObject({
        category: z.string().trim().min(1).max(100).optional(),
        since: instantInput.optional(),
        limit: most,
      }),
      run: (input, context) => read({ ...input, unread: true }, context),
    }),
    defineTool({
      ...reading,
      name: "feeds_search",
      description: "Searches all entries of the feeds, read ones too, for words.",
      input: z.strictObject({ query: z.string().trim().min(1).max(200), since: instantInput.optional(), limit: most }),
      run: ({ query, ...input }, context) => read({ ...input, search: query, unread: false }, context),
    }),
    defineTool({
      ...facts,
      name: "feeds_mark_read",
      description: "Marks entries of the feeds as read, by their ids.",
      input: z.strictObject({ ids: z.array(z.int().positive()).min(1).max(500) }),
      labels: ["act"],
      outputLimit: 500,
      async run({ ids }, { signal }) {
        const each = [...new Set(ids)];
        await markRead(serviceOf(services()), each, signal);
        return `Marked ${counted(each.length, "entry", "entries")} as read.`;
      },
    }),
  ] as Tool[];
}

type Query = Omit<EntryQuery, "limit"> & { readonly limit?: number | undefined };

interface Situation {
  readonly signal: AbortSignal;
  readonly timezone: string;
}

function serviceOf({ feeds }: Services): FeedsService {
  if (feeds) return feeds;
  throw new ClawError("config_invalid", "there is no Miniflux: set tools.feeds in openclaw.toml");
}

async function withTexts({ entries }: Entries, { url, maxChars }: FeedsService): Promise<FeedEntry[]> {
  const texts: string[] = [];
  for (const entry of entries) texts.push(await textOfHtml(entry.content, entry.url ?? url));
  const share = fairShare(
    texts.map(({ length }) => length),
    maxChars,
  );
  return entries.map(({ content: _, ...entry }, index) => ({ ...entry, text: cutTo(texts[index] ?? "", share) }));
}

function described(
  { entries, total }: FeedsData,
  { unread, damaged, timezone }: Query & { readonly damaged: number; readonly timezone: string },
): string {
  const what = unread ? ["unread entry", "unread entries"] : ["entry", "entries"];
  const [one = "", many = ""] = what;
  if (total === 0) return unread ? "Nothing is unread." : "No entry has these words.";
  const shown = entries.length + damaged;
  const head = shown < total ? `${shown} of ${total} ${many} shown, the newest.` : `${counted(total, one, many)}.`;
  const broken = damaged > 0 ? ` ${damaged} could not be read and ${damaged === 1 ? "is" : "are"} left out.` : "";
  return [head + broken, ...entries.map((entry) => paragraph(entry, timezone))].join("\n\n");
}

function paragraph({ id, title, url, feed, category, published, text }: FeedEntry, timezone: string): string {
  const from = category === "" || category === feed ? feed : `${feed} (${category})`;
  const about = [from, minuteOf(new Date(published), timezone)].filter((part) => part !== "").join(", ");
  return [`#${id} ${title}`, about, url ?? "", text].filter((line) => line !== "").join("\n");
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
