/** A real Miniflux from Debian sid, on a database of its own in the test run's PostgreSQL. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { connect } from "../../../lib/db/client.ts";
import { freePort } from "../../support/free-port.ts";
import { startInChroot } from "./chroot-process.ts";
import { ensureChroot } from "./sid.ts";

/** A feed that is served to it, over HTTP. */
export interface Feed {
  readonly title: string;
  /** Made where it is new. */
  readonly category: string;
  readonly items: readonly FeedItem[];
}

export interface FeedItem {
  readonly title: string;
  readonly url: string;
  /** Any date that `Date` reads. */
  readonly published: string;
  readonly html: string;
}

/** A running Miniflux, on loopback, that fetches nothing by itself. */
export interface Miniflux {
  /** For `tools.feeds.url`. */
  readonly url: string;
  /** For `tools.feeds.token`. */
  readonly token: string;
  /** Serves a feed and subscribes to it; its entries are there, unread, when this resolves. */
  subscribe(feed: Feed): Promise<void>;
  /** Entries that are unread, the oldest first. */
  unread(): Promise<{ readonly id: number; readonly title: string }[]>;
  logs(): string;
  /** Stops it and drops its database. */
  stop(): Promise<void>;
}

const admin = { user: "admin", password: "right-horse" };

/** Starts it and returns when it is healthy; throws `PeersUnavailable` where this machine cannot hold it. */
export async function startMiniflux(): Promise<Miniflux> {
  const { dir: chroot } = await ensureChroot(["miniflux"]);
  const database = await makeDatabase();
  const feeds = await serveFeeds();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = startInChroot(chroot, ["miniflux"], {
    DATABASE_URL: database.url,
    LISTEN_ADDR: `127.0.0.1:${port}`,
    RUN_MIGRATIONS: "1",
    CREATE_ADMIN: "1",
    ADMIN_USERNAME: admin.user,
    ADMIN_PASSWORD: admin.password,
    DISABLE_SCHEDULER_SERVICE: "1",
    // Our feeds are on loopback.
    FETCHER_ALLOW_PRIVATE_NETWORKS: "1",
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await Promise.all([feeds.stop(), database.drop()]);
  };

  const basic = `Basic ${Buffer.from(`${admin.user}:${admin.password}`).toString("base64")}`;
  const ask = async <Answer>(method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { authorization: basic },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as Answer;
  };

  try {
    await server.waitUntilHealthy(`${url}/healthcheck`);
    const { token } = await ask<{ token: string }>("POST", "api-keys", { description: "test" });
    const categories = new Map<string, number>();
    return {
      url,
      token,
      async subscribe(feed) {
        const known = categories.get(feed.category);
        const id = known ?? (await ask<{ id: number }>("POST", "categories", { title: feed.category })).id;
        categories.set(feed.category, id);
        await ask("POST", "feeds", { feed_url: feeds.add(feed), category_id: id });
      },
      async unread() {
        const query = "entries?status=unread&order=published_at&direction=asc&limit=1000";
        const { entries } = await ask<{ entries: { id: number; title: string }[] }>("GET", query);
        return entries.map(({ id, title }) => ({ id, title }));
      },
      logs: () => server.logs(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An empty database, reached over TCP: the cluster's Unix socket is outside of the chroot. */
async function makeDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const cluster = process.env["OPENCLAW_TEST_POSTGRES"];
  if (!cluster) throw new Error("no test cluster: run tests by `npm run test:live [-- file …]`, which starts it");
  const name = `miniflux_${randomBytes(6).toString("hex")}`;
  const statement = async (text: string): Promise<void> => {
    const sql = connect(cluster, { max: 1 });
    await sql.unsafe(text).finally(() => sql.end());
  };
  await statement(`create database ${name}`);
  const { username, searchParams } = new URL(cluster);
  const path = `${searchParams.get("host") ?? ""}/.s.PGSQL.5432`;
  const open = new Set<Socket>();
  const bridge = createServer((incoming) => {
    const outgoing = connectSocket(path);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => open.delete(from));
    }
  });
  const port = await listening(bridge);
  return {
    url: `postgres://${username}@127.0.0.1:${port}/${name}?sslmode=disable`,
    async drop() {
      for (const socket of open) socket.destroy();
      await new Promise((done) => bridge.close(done));
      await statement(`drop database ${name} with (force)`);
    },
  };
}

/** A web server with feeds (RSS 2.0) on it. */
async function serveFeeds(): Promise<{ add(feed: Feed): string; stop(): Promise<void> }> {
  const feeds: string[] = [];
  const server = createHttpServer((request, response) => {
    const feed = feeds[Number(request.url?.slice(1))];
    response.writeHead(feed === undefined ? 404 : 200, { "content-type": "application/rss+xml" }).end(feed);
  });
  const port = await listening(server);
  return {
    add: (feed) => `http://127.0.0.1:${port}/${feeds.push(rss(feed)) - 1}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const rss = ({ title, items }: Feed): string => `<?xml version="1.0"?>
<rss version="2.0"><channel><title>${escaped(title)}</title><link>https://feeds.example/</link><description>-</description>
${items
  .map(
    (
      item,
    ) => `<item><title>${escaped(item.title)}</title><link>${escaped(item.url)}</link><guid>${escaped(item.url)}</guid>
<pubDate>${new Date(item.published).toUTCString()}</pubDate><description>${escaped(item.html)}</description></item>`,
  )
  .join("\n")}
</channel></rss>`;

const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
