/** Miniflux (https://miniflux.app/docs/api.html, version 1): entries of feeds, and which of them were read. */
import { z } from "zod";
import type { FeedsService } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import type { TransportAnswer } from "../http/exchange.ts";
import { instant, webUrl } from "./plain.ts";
import { askService, jsonOf, type Service, type ServiceRequest } from "./service.ts";
import { oneLine } from "../one-line.ts";
import { safeParse } from "../safe-parse.ts";

/** An entry as Miniflux has it. */
export interface Entry {
  readonly id: number;
  readonly title: string;
  /** Left out where it is not http or https. */
  readonly url?: string;
  readonly feed: string;
  readonly category: string;
  /** In UTC, as `Date.prototype.toISOString` writes it. */
  readonly published: string;
  /** HTML, as Miniflux made it safe for browsers. */
  readonly content: string;
}

/** Which entries; the newest come first. */
export interface EntryQuery {
  readonly unread: boolean;
  /** By its name, whatever its case. */
  readonly category?: string | undefined;
  /** Published after it: ISO with an offset. */
  readonly since?: string | undefined;
  readonly search?: string | undefined;
  readonly limit: number;
}

export interface Entries {
  readonly entries: readonly Entry[];
  /** How many there are without the limit. */
  readonly total: number;
  /** How many of those within the limit could not be read. */
  readonly damaged: number;
}

/** The entries that a query finds. Throws ClawError that names the setting to look at, or the categories there are. */
export async function findEntries(service: FeedsService, query: EntryQuery, signal: AbortSignal): Promise<Entries> {
  const { unread, category, since, search, limit } = query;
  const asked = new URLSearchParams({ order: "published_at", direction: "desc", limit: String(limit) });
  // Older servers give removed ones too where no status is named.
  for (const status of unread ? ["unread"] : ["unread", "read"]) asked.append("status", status);
  if (category !== undefined) asked.set("category_id", String(await categoryId(service, category, signal)));
  if (since !== undefined) asked.set("published_after", String(Math.floor(Date.parse(since) / 1000)));
  if (search !== undefined) asked.set("search", search);
  const answer = await ask(service, `/v1/entries?${asked.toString()}`, { signal });
  const { total, entries } = shapeOf(entriesAnswer, answer, service);
  // Whoever gives more than was asked for is not read further.
  const within = entries.slice(0, limit);
  const read = within.flatMap((each) => safeParse(entrySchema, each).data ?? []);
  return { entries: read, total: Math.max(total, entries.length), damaged: within.length - read.length };
}

/** Marks entries as read; those that are, or are not there, stay as they are. */
export async function markRead(service: FeedsService, ids: readonly number[], signal: AbortSignal): Promise<void> {
  // Miniflux answers 400 to an empty list.
  if (ids.length === 0) return;
  await ask(service, "/v1/entries", { method: "PUT", body: { entry_ids: ids, status: "read" }, signal });
}

async function categoryId(service: FeedsService, name: string, signal: AbortSignal): Promise<number> {
  const answer = await ask(service, "/v1/categories", { signal });
  const categories = shapeOf(categoriesAnswer, answer, service);
  const same = (title: string): boolean => title.toLowerCase() === name.toLowerCase();
  const found = categories.find(({ title }) => same(title));
  if (found) return found.id;
  const titles = categories.map(({ title }) => `"${oneLine(title, 60)}"`).join(", ");
  throw new ClawError("bad_request", `Miniflux has no category "${name}"; there are ${titles || "none"}`);
}

const categoriesAnswer = z.array(z.object({ id: z.int(), title: z.string() }));
const entriesAnswer = z.object({ total: z.int().nonnegative().catch(0), entries: z.array(z.unknown()) });

const named = z.string().catch("");
const entrySchema = z
  .object({
    id: z.int().positive(),
    title: z.string(),
    url: named,
    published_at: instant,
    content: named,
    feed: z
      .object({ title: named, category: z.object({ title: named }).catch({ title: "" }) })
      .catch({ title: "", category: { title: "" } }),
  })
  .transform(({ id, title, url, published_at, content, feed }): Entry => {
    const link = webUrl(url);
    return {
      id,
      title: oneLine(title, 300) || "(no title)",
      ...(link !== undefined && { url: link }),
      feed: oneLine(feed.title, 100),
      category: oneLine(feed.category.title, 100),
      published: published_at,
      content,
    };
  });

const serviceOf = ({ url, token, timeoutMs }: FeedsService): Service => ({
  title: "Miniflux",
  key: "tools.feeds",
  url,
  timeoutMs,
  headers: { "x-auth-token": token.reveal() },
});

async function ask(service: FeedsService, path: string, request: ServiceRequest): Promise<TransportAnswer> {
  const answer = await askService(serviceOf(service), path, { ...request, accept: [400, 401, 403] });
  const { status } = answer;
  if (status === 401 || status === 403)
    throw new ClawError(
      "unauthorized",
      `Miniflux answered ${status}: it refuses the key in tools.feeds.token; make one in Miniflux under Settings, API Keys`,
    );
  if (status === 400) throw new ClawError("bad_request", `Miniflux refused the request: ${complaintOf(answer)}`);
  return answer;
}

function complaintOf({ body }: TransportAnswer): string {
  try {
    return oneLine(refusalAnswer.parse(JSON.parse(body.toString("utf8"))).error_message, 200);
  } catch {
    return "it does not say why";
  }
}

const refusalAnswer = z.object({ error_message: z.string() });

function shapeOf<Shape>(schema: z.ZodType<Shape>, answer: TransportAnswer, service: FeedsService): Shape {
  const parsed = safeParse(schema, jsonOf(serviceOf(service), answer));
  if (parsed.success) return parsed.data;
  throw new ClawError("fetch_failed", "Miniflux answered with what its API does not say: is tools.feeds.url Miniflux?");
}
