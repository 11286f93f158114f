/** HTTP to a service of the house: one request, no redirect followed, and errors that say which setting to look at. */
import type { ServiceAuth } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { exchange, type TransportAnswer, TransportError } from "../http/exchange.ts";

/** A service as it is reached. */
export interface Service {
  /** What people call it: "Miniflux". */
  readonly title: string;
  /** Where its settings stand: "tools.feeds". */
  readonly key: string;
  /** Without a slash at the end. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ServiceRequest {
  readonly method?: string;
  /** Sent as it is; an object as JSON. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses besides 2xx that the caller reads itself. */
  readonly accept?: readonly number[];
  readonly signal: AbortSignal;
}

/** The largest answer read, in bytes. */
const maxBytes = 8 * 1024 * 1024;

/** The header by which a request shows who asks. */
export function authHeaders(auth: ServiceAuth): Record<string, string> {
  if (!auth) return {};
  if (auth.kind === "bearer") return { authorization: `Bearer ${auth.token.reveal()}` };
  const pair = Buffer.from(`${auth.user}:${auth.password.reveal()}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}

/** Asks; `path` begins with a slash, or is a whole URL. Throws ClawError `fetch_failed`, `unauthorized`, `not_found`, `too_large`, `cancelled`. */
export async function askService(service: Service, path: string, request: ServiceRequest): Promise<TransportAnswer> {
  const { title, key, timeoutMs } = service;
  const { method = "GET", body, signal, accept = [] } = request;
  const json = typeof body === "object";
  let answer: TransportAnswer;
  try {
    answer = await exchange(
      path.startsWith("/") ? service.url + path : path,
      {
        method,
        headers: { ...service.headers, ...(json && { "content-type": "application/json" }), ...request.headers },
        ...(body !== undefined && { body: json ? JSON.stringify(body) : body }),
        signal,
        timeoutMs,
      },
      maxBytes,
    );
  } catch (cause) {
    if (signal.aborted) throw new ClawError("cancelled", "the request was cancelled", { cause });
    if (!(cause instanceof TransportError)) throw cause;
    const fix = `is it running, and is ${key}.url right?`;
    throw new ClawError("fetch_failed", `${title} did not answer (${cause.message}): ${fix}`, { cause });
  }
  const { status } = answer;
  if ((status >= 200 && status < 300) || accept.includes(status)) return answer;
  throw refusal(service, status);
}

function refusal({ title, key }: Service, status: number): ClawError {
  const said = `${title} answered ${status}`;
  if (status === 401 || status === 403)
    return new ClawError("unauthorized", `${said}: it refuses the credentials in ${key}; set ones that may do this`);
  if (status === 404) return new ClawError("not_found", `${said}: there is nothing at this address; check ${key}.url`);
  if (status >= 300 && status < 400)
    return new ClawError("fetch_failed", `${said}, which leads elsewhere: put the address it leads to into ${key}.url`);
  if (status === 429) return new ClawError("limit_reached", `${said}: it was asked too often; try again in a minute`);
  return new ClawError("fetch_failed", `${said}: see its own log`);
}

/** The answer's body as JSON. Throws ClawError `fetch_failed` where it is none. */
export function jsonOf({ title, key }: Service, { body }: TransportAnswer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new ClawError("fetch_failed", `${title} answered with what is no JSON: is ${key}.url its API?`, { cause });
  }
}
