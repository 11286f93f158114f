import type { Config } from "../../lib/config/config.ts";
import { isWildcard } from "../../lib/config/check.ts";

/** Where the gateway's private listener is asked from this machine. */
export function privateUrl({ listen }: Config): string {
  const colon = listen.private.lastIndexOf(":");
  const host = listen.private.slice(0, colon);
  return `http://${!isWildcard(host) ? host : host === "[::]" ? "[::1]" : "127.0.0.1"}${listen.private.slice(colon)}`;
}
