/** What went wrong, by kind; the HTTP status and the two readers' texts follow from it. */
export type ErrorCode =
  | "config_invalid"
  | "unauthorized"
  | "bad_request"
  | "too_large"
  | "not_found"
  | "limit_reached"
  | "cancelled"
  | "backend_failed"
  | "channel_failed"
  | "fetch_failed"
  | "ledger_conflict"
  | "mailbox_changed"
  /** The database refuses what was to be written, and would each time. */
  | "write_refused"
  /** Begun, and nobody knows whether it happened. */
  | "outcome_unknown"
  | "environment";

const statusOf: Record<ErrorCode, 400 | 401 | 404 | 409 | 413 | 429 | 499 | 500 | 502> = {
  config_invalid: 500,
  unauthorized: 401,
  bad_request: 400,
  too_large: 413,
  not_found: 404,
  limit_reached: 429,
  cancelled: 499,
  backend_failed: 502,
  channel_failed: 502,
  fetch_failed: 502,
  ledger_conflict: 409,
  mailbox_changed: 409,
  write_refused: 500,
  outcome_unknown: 500,
  environment: 500,
};

/**
 * The one error family. `message` is what the operator reads (what is wrong and how to mend it);
 * `say`, where set, is what the person in the chat may read.
 */
export class ClawError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly say: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; say?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ClawError";
    this.code = code;
    this.status = statusOf[code];
    this.say = options.say;
  }
}

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
