/** Connections to hosts that strangers name. Loaded on first use: undici is large. */
import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Client, type buildConnector } from "undici";
import { ClawError } from "../errors.ts";
import { reachOf } from "./address.ts";
import type { HostRule } from "./hosts.ts";

/** How names become addresses, and addresses connections; tests put their own in. */
export interface Network {
  /** The addresses of a name, best first. */
  resolve(host: string): Promise<readonly string[]>;
  /** Begins a connection to an address. `servername` is undefined without TLS. */
  connect(address: string, port: number, servername: string | undefined): Socket;
}

/** The machine's own resolver and network. No proxy: what the environment says of one is not read. */
export const systemNetwork: Network = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  connect: (host, port, servername) =>
    servername === undefined
      ? connectPlain({ host, port })
      : connectTls({ host, port, servername, ALPNProtocols: ["http/1.1"] }),
};

const perAddressMs = 5_000;

/** A client of one origin that the entry allows; its connections go to addresses the entry allows alone. */
export const guardedClient = (url: URL, rule: HostRule, network: Network, signal: AbortSignal): Client =>
  new Client(url.origin, {
    pipelining: 1,
    connect: (options: buildConnector.Options, callback: buildConnector.Callback) => {
      dial(options, rule, network, signal).then(
        (socket) => callback(null, socket),
        (thrown: unknown) => callback(thrown instanceof Error ? thrown : new Error("no connection"), null),
      );
    },
  });

/**
 * Connects by address, never by name: what was checked is what is connected to, whatever the name resolves to a moment
 * later. Checked again on the socket itself.
 */
async function dial(
  { hostname, protocol, port }: buildConnector.Options,
  rule: HostRule,
  network: Network,
  signal: AbortSignal,
): Promise<Socket> {
  const secure = protocol === "https:";
  const addresses = isIP(hostname) === 0 ? await network.resolve(hostname) : [hostname];
  const allowed = addresses.filter((address) => allows(rule, address));
  if (allowed.length === 0) throw addresses.length === 0 ? new Error("it has no address") : refused(hostname, rule);
  const servername = isIP(hostname) === 0 ? hostname : "";
  let failure: unknown;
  for (const address of allowed) {
    signal.throwIfAborted();
    const socket = network.connect(address, Number(port) || (secure ? 443 : 80), secure ? servername : undefined);
    // Undici listens only once it has the socket.
    socket.on("error", () => {});
    try {
      await once(socket, secure ? "secureConnect" : "connect", {
        signal: AbortSignal.any([signal, AbortSignal.timeout(perAddressMs)]),
      });
      if (!allows(rule, socket.remoteAddress ?? "")) throw refused(hostname, rule);
      return socket;
    } catch (thrown) {
      socket.destroy();
      if (thrown instanceof ClawError) throw thrown;
      failure = thrown;
    }
  }
  throw failure;
}

function allows(rule: HostRule, address: string): boolean {
  const reach = reachOf(address);
  return reach === "public" || (reach === "private" && rule.private);
}

const refused = (host: string, rule: HostRule): ClawError =>
  new ClawError(
    "bad_request",
    rule.private
      ? `Not fetched: ${host} is at an address that is never fetched from.`
      : `Not fetched: ${host} is not at a public address. A host of the operator's own belongs in tools.http.private_hosts.`,
  );
