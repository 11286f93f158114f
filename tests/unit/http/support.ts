import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { systemNetwork, type Network } from "../../../lib/http/dial.ts";
import { type GuardedAnswer, guardedFetch, type GuardedOptions } from "../../../lib/http/guarded.ts";
import { hostRules } from "../../../lib/http/hosts.ts";

/** A web site on 127.0.0.1. */
export interface Site {
  readonly port: number;
  /** Paths asked for. */
  readonly asked: string[];
  /** What came of headers with each. */
  readonly headers: IncomingMessage["headers"][];
  /** Connections made to it, also those that asked for nothing. */
  connections: number;
}

/** Starts a site that ends with the test. */
export async function startSite(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.end("secret"),
): Promise<Site> {
  const site = { port: 0, asked: [] as string[], headers: [] as IncomingMessage["headers"][], connections: 0 };
  const server = createServer((request, response) => {
    site.asked.push(request.url ?? "");
    site.headers.push(request.headers);
    answer(request, response);
  });
  server.on("connection", () => void (site.connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.port = (server.address() as AddressInfo).port;
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return site;
}

/** A network whose names are given; every other name has no address. Connections are real, and kept in `dialled`. */
export function networkOf(
  names: Readonly<Record<string, readonly string[] | (() => readonly string[])>>,
): Network & { readonly dialled: string[]; readonly resolved: string[] } {
  const dialled: string[] = [];
  const resolved: string[] = [];
  return {
    dialled,
    resolved,
    async resolve(host) {
      resolved.push(host);
      const addresses = names[host] ?? [];
      return typeof addresses === "function" ? addresses() : addresses;
    },
    connect(address, port, servername) {
      dialled.push(address);
      return systemNetwork.connect(address, port, servername);
    },
  };
}

/** Fetches with generous limits. */
export const get = (
  url: string,
  { hosts = [], own = [], ...options }: Partial<GuardedOptions> & { hosts?: string[]; own?: string[] } = {},
): Promise<GuardedAnswer> =>
  guardedFetch(url, {
    rules: hostRules(hosts, own),
    maxBytes: 100_000,
    timeoutMs: 10_000,
    accept: "*/*",
    signal: new AbortController().signal,
    ...options,
  });
