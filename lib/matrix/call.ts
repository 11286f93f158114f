/** One client-server API call over fetch: masquerading, timeouts, typed errors. */
import type { Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { readLimited } from "./body.ts";
import { MatrixError } from "./error.ts";

/** What a call carries besides its method and path. */
export interface CallOptions {
  /** The user to act as: `?user_id=`. Left out: the application service's own user. */
  readonly user?: string | undefined;
  /** The device to act as: `?device_id=`. */
  readonly device?: string | undefined;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON, or bytes with their content type. */
  readonly body?: object | { readonly bytes: Uint8Array; readonly type: string };
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** Makes a path of encoded parts; nothing in an id can lead elsewhere. */
export const path = (strings: TemplateStringsArray, ...parts: readonly string[]): string =>
  String.raw({ raw: strings }, ...parts.map(encodePart));

const encodePart = (part: string): string => {
  if (part === "." || part === "..") throw new ClawError("bad_request", "a Matrix id cannot be a dot segment");
  return encodeURIComponent(part);
};

const defaultTimeoutMs = 30_000;
/** Far above every answer that is waited for; a longer one is not read to the end. */
const maxJson = 16 * 1024 * 1024;

/** Sends a request and returns the response of a 2xx; throws MatrixError for everything else. */
export async function fetchMatrix(
  config: Config,
  method: string,
  callPath: string,
  options: CallOptions = {},
): Promise<Response> {
  const { matrix } = config;
  if (!matrix) throw new ClawError("config_invalid", "there is no [matrix] in the config");
  const call = `${method} ${callPath}`;
  const url = new URL(matrix.homeserver + callPath);
  for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
  if (options.user !== undefined) url.searchParams.set("user_id", options.user);
  if (options.device !== undefined) url.searchParams.set("device_id", options.device);
  const { content, type } = bodyOf(options.body);
  const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${matrix.asToken.reveal()}`,
        ...(type !== undefined && { "content-type": type }),
      },
      ...(content !== undefined && { body: content }),
      // A redirect would carry the token and reach where no one looked (CVE-2026-31989).
      redirect: "error",
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (cause) {
    throw new MatrixError(call, {}, cause);
  }
  if (response.ok) return response;
  throw await errorOf(call, response);
}

/** Calls and parses the JSON answer, an object. */
export async function callMatrix(
  config: Config,
  method: string,
  callPath: string,
  options: CallOptions = {},
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetchMatrix(config, method, callPath, options);
  return (await jsonOf(`${method} ${callPath}`, response)) ?? {};
}

function bodyOf(body: CallOptions["body"]): { content?: string | Uint8Array<ArrayBuffer>; type?: string } {
  if (body === undefined) return {};
  if ("bytes" in body && body.bytes instanceof Uint8Array)
    return { content: new Uint8Array(body.bytes), type: (body as { type: string }).type };
  return { content: JSON.stringify(body), type: "application/json" };
}

async function errorOf(call: string, response: Response): Promise<MatrixError> {
  const answer = await jsonOf(call, response).catch(() => undefined);
  const errcode = typeof answer?.["errcode"] === "string" ? answer["errcode"].slice(0, 100) : undefined;
  const inBody = answer?.["retry_after_ms"];
  const inHeader = Number(response.headers.get("retry-after") ?? Number.NaN) * 1000;
  const retryAfterMs = typeof inBody === "number" ? inBody : Number.isFinite(inHeader) ? inHeader : undefined;
  return new MatrixError(call, { errcode, httpStatus: response.status, retryAfterMs });
}

async function jsonOf(call: string, response: Response): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const bytes = await readLimited(response, maxJson);
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (cause) {
    // A 2xx that is cut off may still have been done: no status, so that the caller repeats it.
    throw new MatrixError(call, {}, cause);
  }
}
