/** Child: what an acknowledged commit costs at the least: Hono, one INSERT by the same driver, 200. */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { AddressInfo } from "node:net";
import { connect } from "../../lib/db/client.ts";
import { serveCalls } from "./child.ts";
import type { BareCalls } from "./protocol.ts";

serveCalls<BareCalls>({
  async open({ url, pool }) {
    const sql = connect(url, { max: pool, name: "bench bare" });
    await sql`create table if not exists bare (
      id bigint generated always as identity primary key, source text not null unique, body text not null)`;
    const app = new Hono().post("/in/:source", async (context) => {
      const body = await context.req.text();
      await sql`insert into bare (source, body) values (${context.req.param("source")}, ${body}) on conflict do nothing`;
      return context.body(null, 200);
    });
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () =>
        resolve((server.address() as AddressInfo).port),
      );
    });
  },
});
