/** The page's own files, read at the first request and kept; nothing is fetched from elsewhere. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Context } from "hono";

const files: Readonly<Record<string, readonly [type: string, url: string]>> = {
  "ops.css": ["text/css; charset=utf-8", new URL("assets/ops.css", import.meta.url).href],
  "charts.js": ["text/javascript; charset=utf-8", new URL("assets/charts.js", import.meta.url).href],
  "icon.svg": ["image/svg+xml", new URL("assets/icon.svg", import.meta.url).href],
  "uplot.js": ["text/javascript; charset=utf-8", import.meta.resolve("uplot/dist/uPlot.iife.min.js")],
  "uplot.css": ["text/css; charset=utf-8", import.meta.resolve("uplot/dist/uPlot.min.css")],
};

interface Asset {
  readonly body: string;
  readonly etag: string;
}

const loaded = new Map<string, Promise<Asset>>();

async function load(url: string): Promise<Asset> {
  const body = await readFile(new URL(url), "utf8");
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

/** One file, or 304 where the browser has it; 404 where there is none. */
export async function answerAsset(context: Context, name: string): Promise<Response> {
  const file = Object.hasOwn(files, name) ? files[name] : undefined;
  if (!file) return context.notFound();
  const [type, url] = file;
  const asset = loaded.get(name) ?? load(url);
  loaded.set(name, asset);
  const { body, etag } = await asset;
  const headers = { etag, "cache-control": "no-cache", "content-type": type };
  return context.req.header("if-none-match") === etag
    ? context.body(null, 304, headers)
    : context.body(body, 200, headers);
}
