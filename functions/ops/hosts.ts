/** Under which names the page answers. A web site that has its own name lead here (DNS rebinding) must not read it. */
import type { Config } from "../../lib/config/config.ts";

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The host of an authority such as `127.0.0.1:8081`, without its port. */
const nameOf = (authority: string): string => authority.toLowerCase().replace(/:\d+$/, "");

/** Whether a Host header names this machine itself, the address of `listen.private` or the host of `ops.url`. */
export function isOwnHost({ listen, ops }: Pick<Config, "listen" | "ops">, host: string): boolean {
  const name = nameOf(host);
  const own = [nameOf(listen.private), ...(ops.url === undefined ? [] : [nameOf(new URL(ops.url).host)])];
  return loopback.test(name) || own.includes(name);
}

/** Whether a request that changes something was sent by a page of ours, as the browser tells. */
export function isSameSite(
  { ops }: Pick<Config, "ops">,
  headers: { readonly host: string; readonly origin: string | undefined; readonly fetchSite: string | undefined },
): boolean {
  const { host, origin, fetchSite } = headers;
  if (fetchSite !== undefined && fetchSite !== "same-origin") return false;
  if (origin === undefined) return fetchSite === "same-origin";
  // Behind a proxy the Host header may be another than the browser's.
  const own = [`http://${host}`, `https://${host}`, ...(ops.url === undefined ? [] : [new URL(ops.url).origin])];
  return own.includes(origin);
}
