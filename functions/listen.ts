import { serve, type ServerType } from "@hono/node-server";
import { once } from "node:events";
import { ClawError, messageOf } from "../lib/errors.ts";

/** An HTTP server that listens. */
export interface Listener {
  /** With the port it really got. */
  readonly url: string;
  /** Takes no more requests, and resolves when those under way are answered. */
  close(): Promise<void>;
}

/** How long a request under way may take once the server closes; a push that is cut off is pushed again. */
const busyMs = 2_000;

/** Listens on "address:port"; `key` is what the error of an address that cannot be had tells to change. */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  at: string,
  key: string,
): Promise<Listener> {
  const colon = at.lastIndexOf(":");
  const hostname = at.slice(0, colon).replace(/^\[|\]$/g, "");
  const server = serve({ fetch, hostname, port: Number(at.slice(colon + 1)) });
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new ClawError(
      "environment",
      `cannot listen on ${at} (${messageOf(cause)}): change ${key}, or stop what listens there`,
      { cause },
    );
  }
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
    close: () => closeServer(server),
  };
}

function closeServer(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Idle keep-alive connections would hold it open; one that is being answered ends by itself.
    if (!("closeIdleConnections" in server)) return;
    server.closeIdleConnections();
    // A connection on which nothing was ever asked counts as busy: a stranger's must not hold up the end.
    setTimeout(() => server.closeAllConnections(), busyMs).unref();
  });
}
