/**
 * GET for URLs that a model or a stranger named. Only hosts on a list, only addresses such a host may have, nothing sent
 * along: no cookie, no credential, no proxy.
 */
import { ClawError } from "../errors.ts";
import { discard, encodings, readBody } from "./body.ts";
import type { Network } from "./dial.ts";
import { allowedUrl, type HostRule } from "./hosts.ts";

export interface GuardedOptions {
  /** The only hosts there are. */
  readonly rules: readonly HostRule[];
  /** Bytes of the answer, as they come and unpacked. */
  readonly maxBytes: number;
  /** For everything together: names, redirects, the last byte. */
  readonly timeoutMs: number;
  readonly accept: string;
  readonly signal: AbortSignal;
  /** Left out: the machine's own. */
  readonly network?: Network | undefined;
}

export interface GuardedAnswer {
  /** Of the last hop. */
  readonly url: URL;
  readonly status: number;
  /** As the server says it; empty where it does not. */
  readonly contentType: string;
  readonly body: Buffer;
}

const maxRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Fetches. Redirects on the same host are followed, each checked like the first URL; one to another host is not: whoever
 * asked must ask for that one, so that it is decided on like any other. Throws ClawError `bad_request` (refused),
 * `too_large`, `fetch_failed`, and `cancelled` where `signal` is aborted.
 */
export async function guardedFetch(text: string, options: GuardedOptions): Promise<GuardedAnswer> {
  const slow = new AbortController();
  const timer = setTimeout(() => slow.abort(), options.timeoutMs);
  const signal = AbortSignal.any([options.signal, slow.signal]);
  let at = allowedUrl(text, options.rules);
  try {
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await get(at.url, at.rule, { ...options, signal });
      if (!("location" in answer)) return answer;
      at = nextHop(at.url, answer.location, options.rules);
    }
    throw new ClawError("bad_request", `Not fetched: more than ${maxRedirects} redirects.`);
  } catch (thrown) {
    if (options.signal.aborted) throw new ClawError("cancelled", "the fetch was cancelled", { cause: thrown });
    if (thrown instanceof ClawError) throw thrown;
    const { host } = at.url;
    if (slow.signal.aborted)
      throw new ClawError("fetch_failed", `${host} did not answer within ${options.timeoutMs / 1000} s.`);
    throw new ClawError("fetch_failed", `${host} could not be fetched from: ${reason(thrown)}.`, { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}

/** One request, without a redirect followed. */
async function get(
  url: URL,
  rule: HostRule,
  { accept, signal, maxBytes, network }: GuardedOptions,
): Promise<GuardedAnswer | { readonly location: string }> {
  const { guardedClient, systemNetwork } = await import("./dial.ts");
  const client = guardedClient(url, rule, network ?? systemNetwork, signal);
  try {
    const { statusCode, headers, body } = await client.request({
      method: "GET",
      path: url.pathname + url.search,
      headers: { accept, "accept-encoding": encodings, "user-agent": "openclaw-gateway" },
      signal,
    });
    const { location } = headers;
    if (redirects.has(statusCode) && typeof location === "string") {
      discard(body);
      return { location };
    }
    const encoding = String(headers["content-encoding"] ?? "");
    const contentType = String(headers["content-type"] ?? "");
    return { url, status: statusCode, contentType, body: await readBody(body, encoding, maxBytes) };
  } finally {
    await client.destroy();
  }
}

/** Where a redirect leads, if it may be followed. Throws ClawError `bad_request`. */
export function nextHop(from: URL, location: string, rules: readonly HostRule[]): ReturnType<typeof allowedUrl> {
  const to = URL.parse(location, from.href);
  if (!to) throw new ClawError("bad_request", "Not fetched: it redirects to what is no URL.");
  to.hash = "";
  const next = allowedUrl(to.href, rules);
  if (from.protocol === "https:" && to.protocol === "http:")
    throw new ClawError("bad_request", "Not fetched: it redirects from https:// to http://.");
  // The port is empty for both schemes' own: from http:// to https:// of one host is no other host.
  if (to.host !== from.host)
    throw new ClawError(
      "bad_request",
      `Not fetched: it redirects to another host. Ask for that URL itself: ${to.href.slice(0, 2_000)}`,
    );
  return next;
}

/** A system's or undici's code: their messages name addresses, which are nobody's business. */
function reason(thrown: unknown): string {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : "its answer could not be read";
}
