/** One client-server API call: masquerading, timeouts, typed errors. */
import type { Config } from "../config/config.ts";
import type { Secret } from "../config/secret.ts";
import { ClawError } from "../errors.ts";
import { exchange, type TransportAnswer } from "../http/exchange.ts";
import { hasErrcode, MatrixError } from "./error.ts";

/** What a call carries besides its method and path. */
export interface CallOptions {
  /** The user to act as: `?user_id=`. Left out: the application service's own user. */
  readonly user?: string | undefined;
  /** The device to act as: `?device_id=`. */
  readonly device?: string | undefined;
  /** Further parameters. */
  readonly query?: URLSearchParams | undefined;
  /** Sent as JSON. */
  readonly body?: object;
  /** Sent as they are, in place of `body`. */
  readonly upload?: { readonly bytes: Uint8Array; readonly type: string; readonly filename?: string | undefined };
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

/** Sends a request and returns the bytes of a 2xx; throws MatrixError for everything else, ClawError past `limit` bytes. */
export async function fetchMatrix(
  config: Config,
  method: string,
  callPath: string,
  options: CallOptions = {},
  limit = maxJson,
): Promise<Buffer> {
  const { matrix } = config;
  if (!matrix) throw new ClawError("config_invalid", "there is no [matrix] in the config");
  const call = `${method} ${callPath}`;
  const query = new URLSearchParams(options.query);
  if (options.user !== undefined) query.set("user_id", options.user);
  if (options.device !== undefined) query.set("device_id", options.device);
  const { body, upload } = options;
  if (upload?.filename !== undefined) query.set("filename", upload.filename);
  const type = upload?.type ?? (body && "application/json");
  const content = upload?.bytes ?? (body && JSON.stringify(body));
  const send = async (token: Secret): Promise<TransportAnswer> => {
    const request = {
      method,
      headers: { authorization: `Bearer ${token.reveal()}`, ...(type !== undefined && { "content-type": type }) },
      ...(content !== undefined && { body: content }),
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    };
    try {
      // It follows no redirect: that would carry the token, and reach where no one looked (CVE-2026-31989).
      return await exchange(`${matrix.homeserver}${callPath}?${query.toString()}`, request, limit);
    } catch (cause) {
      if (cause instanceof ClawError) throw cause;
      throw new MatrixError(call, {}, cause);
    }
  };
  const answer = await send(matrix.asToken);
  if (isSuccess(answer)) return answer.body;
  const failure = errorOf(call, answer);
  const { previousAsToken } = matrix;
  if (!previousAsToken || !hasErrcode(failure, "M_UNKNOWN_TOKEN")) throw failure;
  // Nothing was done. A homeserver that was not restarted yet knows the token from before the rotation.
  const again = await send(previousAsToken);
  if (isSuccess(again)) return again.body;
  throw errorOf(call, again);
}

const isSuccess = ({ status }: TransportAnswer): boolean => status >= 200 && status < 300;

/** Calls and parses the JSON answer, an object. */
export async function callMatrix(
  config: Config,
  method: string,
  callPath: string,
  options: CallOptions = {},
): Promise<Readonly<Record<string, unknown>>> {
  const body = await fetchMatrix(config, method, callPath, options);
  const answer = jsonOf(body);
  // A 2xx that is cut off may still have been done: no status, so that the caller repeats it.
  if (!answer) throw new MatrixError(`${method} ${callPath}`, {});
  return answer;
}

function errorOf(call: string, { status, headers, body }: TransportAnswer): MatrixError {
  const answer = jsonOf(body);
  const errcode = typeof answer?.["errcode"] === "string" ? answer["errcode"].slice(0, 100) : undefined;
  const inBody = answer?.["retry_after_ms"];
  const inHeader = Number(headers["retry-after"] ?? Number.NaN) * 1000;
  const retryAfterMs = typeof inBody === "number" ? inBody : Number.isFinite(inHeader) ? inHeader : undefined;
  const reachedStatus = typeof answer?.["status"] === "number" ? answer["status"] : undefined;
  return new MatrixError(call, { errcode, httpStatus: status, retryAfterMs, reachedStatus });
}

function jsonOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
