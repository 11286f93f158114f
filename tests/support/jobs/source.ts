/** A stand-in for a service that jobs read: what it has, how often it was asked, what was marked. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

export interface Source {
  readonly url: string;
  items: { id: number; title: string; link?: string }[];
  /** Answers 503 to reading, or to marking. */
  down: boolean;
  unmarkable: boolean;
  reads: number;
  /** Ids of each marking. */
  readonly marks: string[];
  stop(): Promise<void>;
}

export async function startSource(): Promise<Source> {
  const app = new Hono();
  const server = await new Promise<Server>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(made)) as Server;
  });
  const source: Source = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    items: [{ id: 1, title: "The boiler is cold" }],
    down: false,
    unmarkable: false,
    reads: 0,
    marks: [],
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  app.get("/items", (context) => {
    source.reads += 1;
    return source.down ? context.text("down", 503) : context.json(source.items);
  });
  app.post("/mark", (context) => {
    if (source.unmarkable) return context.text("down", 503);
    source.marks.push(context.req.query("ids") ?? "");
    return context.text("ok");
  });
  return source;
}
