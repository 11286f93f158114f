import { ClawError } from "../errors.ts";

/** What a homeserver answered, or that it did not. */
export interface MatrixFailure {
  /** Matrix errcode such as M_FORBIDDEN; undefined where no JSON error was given. */
  readonly errcode?: string | undefined;
  /** Undefined: no answer, for want of a network, of time, or because the caller gave up. */
  readonly httpStatus?: number | undefined;
  /** How long to wait before the next try, where the homeserver said. */
  readonly retryAfterMs?: number | undefined;
  /** Of M_BAD_STATUS: what the homeserver was answered by us, or by whoever stands before us. */
  readonly reachedStatus?: number | undefined;
}

/** A client-server call that failed. The message holds no more than the call, the status and the errcode. */
export class MatrixError extends ClawError implements MatrixFailure {
  readonly errcode: string | undefined;
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly reachedStatus: number | undefined;

  constructor(call: string, failure: MatrixFailure, cause?: unknown) {
    const what =
      failure.httpStatus === undefined ? "no answer" : [failure.httpStatus, failure.errcode].join(" ").trim();
    super("channel_failed", `Matrix ${call}: ${what}`, cause === undefined ? {} : { cause });
    this.name = "MatrixError";
    this.errcode = failure.errcode;
    this.httpStatus = failure.httpStatus;
    this.retryAfterMs = failure.retryAfterMs;
    this.reachedStatus = failure.reachedStatus;
  }

  /** No answer, a rate limit or the homeserver's own trouble: the same call may succeed later. */
  get transient(): boolean {
    return this.httpStatus === undefined || this.httpStatus === 429 || this.httpStatus >= 500;
  }
}

/** Whether it is a MatrixError with one of these errcodes. */
export const hasErrcode = (thrown: unknown, ...errcodes: string[]): thrown is MatrixError =>
  thrown instanceof MatrixError && thrown.errcode !== undefined && errcodes.includes(thrown.errcode);
