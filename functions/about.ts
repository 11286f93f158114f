/** /about: which code and which config this process runs with, for `claw doctor`. Private listener only; it tells no setting. */
import { Hono } from "hono";
import type { Config } from "../lib/config/config.ts";
import { fingerprintOf } from "../lib/config/fingerprint.ts";
import { version } from "../lib/version.ts";

export function createAboutFunction(config: () => Config): Hono {
  const since = new Date().toISOString();
  return new Hono().get("/about", (context) => context.json({ version, since, config: fingerprintOf(config()) }));
}
