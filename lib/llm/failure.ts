/** Why one attempt at a backend failed, in words that carry no key, prompt or body. */
import type { Backend } from "../config/config.ts";
import { retryAfterMs } from "./retry-after.ts";

export type FailureKind =
  "status" | "overflow" | "quota" | "connection" | "stalled" | "timeout" | "truncated" | "invalid" | "unexpected";

interface Facts {
  readonly kind: FailureKind;
  readonly status?: number | undefined;
  /** A system error code (ECONNREFUSED) or the class of a foreign error. */
  readonly detail?: string | undefined;
  /** What the server asked for. */
  readonly retryAfterMs?: number | undefined;
}

const again = new Set([408, 409, 425, 429]);

/** One failed attempt. Made from facts only: never from a server's text, which may quote what it was sent. */
export class AttemptFailure extends Error {
  readonly kind: FailureKind;
  readonly status: number | undefined;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(facts: Facts) {
    super([facts.kind, facts.status, facts.detail].filter((part) => part !== undefined).join(" "));
    this.name = "AttemptFailure";
    this.kind = facts.kind;
    this.status = facts.status;
    this.detail = facts.detail;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** Whether the same backend may do better a moment later. */
  get retryable(): boolean {
    switch (this.kind) {
      case "connection":
        return !isCertificate(this.detail);
      case "stalled":
      case "truncated":
      case "invalid":
        return true;
      case "status":
        return this.status !== undefined && (again.has(this.status) || this.status >= 500);
      case "overflow":
      case "quota":
      case "timeout":
      case "unexpected":
        return false;
    }
  }
}

/** Errors of a connection that was never there. */
const unreached = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/**
 * Whether a model was certainly not at work: no server was reached, or it refused the request. Whatever else went wrong
 * may have been billed.
 */
export function wasNotMade({ kind, status = 0, detail }: AttemptFailure): boolean {
  if (kind === "connection") return unreached.has(detail ?? "") || isCertificate(detail);
  return (
    (kind === "status" || kind === "overflow" || kind === "quota") && (status < 500 || status === 503) && status !== 408
  );
}

/** Reads whatever the openai client or the transport threw. */
export function toFailure(thrown: unknown): AttemptFailure {
  if (thrown instanceof AttemptFailure) return thrown;
  // The openai client wraps what its fetch throws.
  if (thrown instanceof Error && thrown.cause instanceof AttemptFailure) return thrown.cause;
  if (!(thrown instanceof Error)) return new AttemptFailure({ kind: "unexpected", detail: typeof thrown });
  const { status, headers } = thrown as { status?: unknown; headers?: unknown };
  if (typeof status === "number")
    return statusFailure(status, thrown, headers instanceof Headers ? headers : undefined);
  const code = systemCode(thrown);
  if (code) return new AttemptFailure({ kind: "connection", detail: code });
  const failure = new AttemptFailure({ kind: "unexpected", detail: thrown.name });
  failure.stack = [failure.message, ...(thrown.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [])].join(
    "\n",
  );
  return failure;
}

/** A failure told by HTTP status, or by an `error` object inside a stream. `body` is searched, never quoted. */
export function statusFailure(status: number, body: unknown, headers?: Headers): AttemptFailure {
  const { code, type, message } = (body ?? {}) as { code?: unknown; type?: unknown; message?: unknown };
  const words = [code, type, message].filter((word) => typeof word === "string").join(" ");
  const kind =
    status < 500 &&
    /context_length|context (length|size|window)|maximum context|exceed_context|too many tokens|prompt is too long/i.test(
      words,
    )
      ? "overflow"
      : status === 429 && /insufficient_quota|billing/i.test(words)
        ? "quota"
        : "status";
  return new AttemptFailure({ kind, status, retryAfterMs: headers && retryAfterMs(headers) });
}

/** The code of a system error, or of the error that caused it. */
function systemCode(thrown: Error): string | undefined {
  for (let error: unknown = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    const { code } = error as { code?: unknown };
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
  }
  return undefined;
}

const isCertificate = (code: string | undefined): boolean => /CERT|SELF_SIGNED|_TLS_|_SSL_/.test(code ?? "");

/** What happened and how to mend it, for the operator: "401: backends.main.api_key is refused". */
export function explain(failure: AttemptFailure, backend: Backend): string {
  const key = `backends.${backend.name}`;
  const status = failure.status === undefined ? "" : `${failure.status}: `;
  switch (failure.kind) {
    case "overflow":
      return `${status}the request is longer than the model's context; lower the agent's limits.history_tokens or use a model that takes more`;
    case "quota":
      return `${status}the account behind ${key}.api_key is out of credit`;
    case "stalled":
      return `silent for ${backend.stall_seconds} s; see whether the server is well, or raise ${key}.stall_seconds`;
    case "timeout":
      return `took longer than ${backend.timeout_seconds} s; raise ${key}.timeout_seconds or use a faster model`;
    case "truncated":
      return `its stream ended before the answer did; see the server's log, or a proxy in between`;
    case "invalid":
      return `${failure.detail ?? "its answer is not what the API prescribes"}; is ${key}.base_url an OpenAI-compatible API of kind "${backend.api}"?`;
    case "unexpected":
      return `failed inside the gateway (${failure.detail}), which is a bug to report`;
    case "connection":
      return connectionText(failure.detail ?? "", key, hostOf(backend));
    case "status":
      return `${status}${statusText(failure.status ?? 0, key, backend)}`;
  }
}

function statusText(status: number, key: string, backend: Backend): string {
  if (status < 400) return `${key}.base_url redirects; write the address it leads to`;
  if (status === 401)
    return backend.apiKey ? `${key}.api_key is refused` : `the server wants a key; set ${key}.api_key`;
  if (status === 402) return `the account behind ${key}.api_key is out of credit`;
  if (status === 403) return `${key}.api_key may not use this model or address`;
  if (status === 404) return `not found; ${key}.model or ${key}.base_url (usually ending in /v1) is wrong`;
  if (status === 408) return "the server timed out";
  if (status === 413) return "the request is too large; lower media.max_image_mb or the agent's limits.history_tokens";
  if (status === 429) return "too many requests; raise the provider's limit or add a fallback";
  if (status >= 500) return "the server failed; see its log or the provider's status page";
  return `the request was refused; does the model take tools, and images (${key}.images)? Is ${key}.api right?`;
}

function connectionText(code: string, key: string, host: string): string {
  if (code === "ECONNREFUSED") return `${code}: nothing listens at ${host} (${key}.base_url)`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `${code}: the name ${host} (${key}.base_url) cannot be resolved`;
  if (isCertificate(code))
    return `${code}: the certificate of ${host} is not trusted; give its authority by NODE_EXTRA_CA_CERTS`;
  return `${code}: the connection to ${host} (${key}.base_url) failed`;
}

/** Host and port alone: a user name, path or query of base_url may be secret. */
const hostOf = (backend: Backend): string => (URL.canParse(backend.base_url) ? new URL(backend.base_url).host : "?");
