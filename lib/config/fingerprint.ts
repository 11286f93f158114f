/** Whether two processes go by the same config, without telling what it says. */
import { createHmac } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import type { Config } from "./config.ts";
import { restartKeys } from "./reload.ts";
import { Secret } from "./secret.ts";

/** HMAC-SHA-256 in hex by OPENCLAW_KEY, so that nobody can try values of secrets. */
export interface Fingerprint {
  /** Of what only a restart changes. */
  readonly restart: string;
  /** Of everything, prompts and secrets with it. */
  readonly all: string;
}

/** The same for the same settings, prompts and secrets, wherever the file is. */
export function fingerprintOf(config: Config): Fingerprint {
  const hash = (value: unknown): string =>
    createHmac("sha256", config.key.reveal())
      .update(canonicalJson(plain(value)))
      .digest("hex");
  // The same file may be read by different paths.
  const { file: _, ...rest } = config;
  return { restart: hash(restartKeys.map(([key, read]) => [key, read(config)])), all: hash(rest) };
}

/** Maps as objects and secrets as their values; a server's PATH is not the config's but the process's. */
function plain(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);
  return Object.fromEntries(entries.filter(([key]) => key !== "PATH").map(([key, item]) => [key, plain(item)]));
}
