/** One question to the gateway's private listener. */
import { exchange, TransportError } from "../http/exchange.ts";
import { ClawError } from "../errors.ts";

export interface GatewayAnswer {
  readonly status: number;
  /** Parsed; undefined where it is no JSON. */
  readonly body: unknown;
  readonly milliseconds: number;
}

const maxBytes = 1024 * 1024;

/** Asks by GET. Throws ClawError `environment` where nothing answers. */
export async function askPrivate(
  url: string,
  path: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<GatewayAnswer> {
  const began = performance.now();
  try {
    const { status, body } = await exchange(
      url + path,
      { method: "GET", headers, signal, timeoutMs: 10_000 },
      maxBytes,
    );
    return { status, body: parsed(body.toString("utf8")), milliseconds: Math.round(performance.now() - began) };
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause;
    throw new ClawError(
      "environment",
      `nothing answers at ${url} (${cause.message}): start the gateway, or look why it ended: its log says so on stderr; is listen.private right?`,
      { cause },
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
