/** The page's own files, read at the first request and kept; nothing is fetched from elsewhere. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { Context } from "hono";

const files: Readonly<Record<string, readonly [type: string, url: string]>> = {
  "ops.css": ["text/css; charset=utf-8", new URL("assets/ops.css", import.meta.url).href],
  "charts.js": ["text/javascript; charset=utf-8", new URL("assets/charts.js", import.meta.url).href],
  "icon.svg": ["image/svg+xml", new URL("assets/icon.svg", import.meta.url).href],
  "uplot.js": ["text/javascript; charset=utf-8", import.meta.resolve("uplot/dist/uPlot.iife.min.js")],
  "uplot.css": ["text/css; charset=utf-8", import.meta.resolve("uplot/dist/uPlot.min.css")],
};

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const loaded = new Map<string, Promise<Asset>>();

async function load(url: string): Promise<Asset> {
  const body = Uint8Array.from(await readFile(new URL(url)));
  const zipped = Uint8Array.from(gzipSync(body));
  return { body, zipped, etag: `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

/** One file, or 304 where the browser has it; 404 where there is none. */
export async function answerAsset(context: Context, name: string): Promise<Response> {
  const file = Object.hasOwn(files, name) ? files[name] : undefined;
  if (!file) return context.notFound();
  const [type, url] = file;
  const asset = loaded.get(name) ?? load(url);
  loaded.set(name, asset);
  const { body, zipped, etag } = await asset;
  const headers = { etag, "cache-control": "no-cache", "content-type": type, vary: "accept-encoding" };
  if (context.req.header("if-none-match") === etag) return context.body(null, 304, headers);
  const takesZipped = /\bgzip\b/.test(context.req.header("accept-encoding") ?? "");
  const sent = takesZipped ? zipped : body;
  return context.body(sent, 200, {
    ...headers,
    "content-length": String(sent.length),
    ...(takesZipped && { "content-encoding": "gzip" }),
  });
}
