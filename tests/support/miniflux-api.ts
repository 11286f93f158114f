/** A stand-in for Miniflux (API v1): what tests of our side need of it. The live tests have the real one. */
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

export interface MinifluxEntry {
  readonly title: string;
  readonly url?: string;
  readonly content?: string;
  readonly published_at?: string;
  readonly category?: string;
  readonly status?: "unread" | "read";
  /** Put in as they are, whatever they are. */
  readonly raw?: Readonly<Record<string, unknown>>;
}

export interface MinifluxApi {
  /** For `tools.feeds.url`. */
  readonly url: string;
  /** A key it takes. */
  readonly key: string;
  /** What was asked, as `METHOD /path?query`. */
  readonly requests: readonly string[];
  /** Puts an entry in, later than those before it, and returns its id. */
  add(entry: MinifluxEntry): number;
  /** Takes all entries out. */
  clear(): void;
  /** Ids of those that are unread. */
  unread(): number[];
  /** Every request is answered so from now on; undefined: as it should be. */
  answer(how: Response | undefined): void;
  stop(): Promise<void>;
}

interface Stored extends Record<string, unknown> {
  id: number;
  title: string;
  status: string;
  published_at: string;
  content: string;
  feed: { id: number; title: string; category: { id: number; title: string } };
}

/** Starts it on a free port of 127.0.0.1. */
export async function startMinifluxApi(): Promise<MinifluxApi> {
  const key = "miniflux-key";
  const requests: string[] = [];
  const entries: Stored[] = [];
  const categories = [{ id: 1, title: "All" }];
  let fixed: Response | undefined;

  const app = new Hono();
  app.use(async ({ req, json }, next) => {
    const { pathname, search } = new URL(req.url);
    requests.push(`${req.method} ${pathname}${search}`);
    if (fixed) return fixed.clone();
    if (req.header("x-auth-token") !== key) return json({ error_message: "Access Unauthorized" }, 401);
    return next();
  });
  app.get("/v1/categories", ({ json }) =>
    json(categories.map((each) => ({ ...each, user_id: 1, hide_globally: false }))),
  );
  app.get("/v1/entries", ({ req, json }) => {
    const statuses = req.queries("status") ?? [];
    if (statuses.some((status) => status !== "read" && status !== "unread"))
      return json({ error_message: "invalid entry status" }, 400);
    const category = Number(req.query("category_id") ?? 0);
    const after = Number(req.query("published_after") ?? 0) * 1000;
    const search = (req.query("search") ?? "").toLowerCase();
    const sign = req.query("direction") === "desc" ? -1 : 1;
    const found = entries
      .filter(({ status }) => statuses.length === 0 || statuses.includes(status))
      .filter(({ feed }) => category === 0 || feed.category.id === category)
      .filter(({ published_at }) => after === 0 || Date.parse(published_at) > after)
      .filter(({ title, content }) => `${title} ${content}`.toLowerCase().includes(search))
      .sort((a, b) => sign * a.published_at.localeCompare(b.published_at));
    return json({ total: found.length, entries: found.slice(0, Number(req.query("limit") ?? 100)) });
  });
  app.put("/v1/entries", async ({ req, json, body }) => {
    const { entry_ids, status } = await req.json<{ entry_ids: number[]; status: string }>();
    if (entry_ids.length === 0) return json({ error_message: "the list of entries cannot be empty" }, 400);
    for (const entry of entries) if (entry_ids.includes(entry.id)) entry.status = status;
    return body(null, 204);
  });

  const { promise, resolve } = Promise.withResolvers<string>();
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
    resolve(`http://127.0.0.1:${port}`),
  ) as Server;
  return {
    url: await promise,
    key,
    requests,
    add({ title, url, content = "", published_at, category: named = "All", status = "unread", raw = {} }) {
      const id = entries.length + 1;
      const category = categories.find((each) => each.title === named) ?? { id: categories.length + 1, title: named };
      if (!categories.includes(category)) categories.push(category);
      entries.push({
        ...{ id, title, content, status, feed_id: 1, hash: String(id), author: "", reading_time: 1, starred: false },
        url: url ?? `https://news.example/${id}`,
        published_at: published_at ?? new Date(Date.UTC(2026, 2, 20, 8, id)).toISOString(),
        feed: { id: 1, title: "Example News", category },
        ...raw,
      });
      return id;
    },
    clear: () => void (entries.length = 0),
    unread: () => entries.filter(({ status }) => status === "unread").map(({ id }) => id),
    answer: (how) => void (fixed = how),
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
