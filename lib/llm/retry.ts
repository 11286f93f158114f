import { setTimeout as wait } from "node:timers/promises";
import type { Backend } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { type AttemptFailure, explain, toFailure } from "./failure.ts";
import { Watch } from "./watch.ts";

/** One failed attempt, for the log. `waitMs` undefined: no further attempt at this backend. */
export interface AttemptFailed {
  readonly backend: string;
  readonly attempt: number;
  readonly kind: string;
  readonly status: number | undefined;
  readonly detail: string | undefined;
  readonly waitMs: number | undefined;
}

/** What retrying needs from outside; tests put their own in. */
export interface RetryDeps {
  /** Rejects when the signal fires. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** 0 to 1. */
  readonly random: () => number;
  readonly onAttemptFailed: (event: AttemptFailed) => void;
}

/** Node's own clock and chance. */
export const systemRetry = {
  sleep: (milliseconds: number, signal: AbortSignal): Promise<unknown> => wait(milliseconds, undefined, { signal }),
  random: Math.random,
};

const longestWaitMs = 60_000;
const firstBackoffMs = 500;
const longestBackoffMs = 8_000;

/**
 * The first answer of a chain of backends. A failure that may pass is retried on the same backend `retries` times
 * within its `timeout_seconds`, any other goes on to the next. Throws ClawError `cancelled` or `backend_failed`.
 */
export async function firstAnswer<T>(
  chain: readonly Backend[],
  signal: AbortSignal,
  attempt: (backend: Backend, watch: Watch) => Promise<T>,
  deps: RetryDeps,
): Promise<T> {
  const failures: { backend: Backend; failure: AttemptFailure }[] = [];
  for (const backend of chain) {
    const deadline = performance.now() + backend.timeout_seconds * 1000;
    for (let count = 1; ; count++) {
      if (signal.aborted) throw cancelled();
      const result = await once(backend, signal, deadline, attempt);
      if ("answer" in result) return result.answer;
      if (signal.aborted) throw cancelled();
      const waitMs = waitBefore(result.failure, backend, count, deadline - performance.now(), deps.random);
      const { kind, status, detail } = result.failure;
      deps.onAttemptFailed({ backend: backend.name, attempt: count, kind, status, detail, waitMs });
      if (waitMs === undefined) {
        failures.push({ backend, failure: result.failure });
        break;
      }
      await deps.sleep(waitMs, signal).catch(() => Promise.reject(cancelled()));
    }
  }
  throw allFailed(failures);
}

async function once<T>(
  backend: Backend,
  signal: AbortSignal,
  deadline: number,
  attempt: (backend: Backend, watch: Watch) => Promise<T>,
): Promise<{ answer: T } | { failure: AttemptFailure }> {
  using watch = new Watch(backend, signal, deadline - performance.now());
  try {
    return { answer: await attempt(backend, watch) };
  } catch (thrown) {
    if (thrown instanceof ClawError) throw thrown;
    return { failure: watch.failure ?? toFailure(thrown) };
  }
}

function waitBefore(
  failure: AttemptFailure,
  backend: Backend,
  count: number,
  remainingMs: number,
  random: () => number,
): number | undefined {
  if (!failure.retryable || count > backend.retries) return undefined;
  const backoff = Math.min(firstBackoffMs * 2 ** (count - 1), longestBackoffMs) * (0.5 + random() / 2);
  const waitMs = Math.round(failure.retryAfterMs ?? backoff);
  return waitMs > longestWaitMs || waitMs >= remainingMs ? undefined : waitMs;
}

const cancelled = (): ClawError => new ClawError("cancelled", "the call to the model was cancelled");

function allFailed(failures: readonly { backend: Backend; failure: AttemptFailure }[]): ClawError {
  const lines = failures.map(({ backend, failure }) => `backends.${backend.name}: ${explain(failure, backend)}`);
  const all = (kinds: (failure: AttemptFailure) => boolean): boolean => failures.every(({ failure }) => kinds(failure));
  const say = all((failure) => failure.kind === "overflow")
    ? "This conversation has grown too long for me. Please begin a new one."
    : all((failure) => failure.status === 429 && failure.kind === "status")
      ? "I have too much to do just now. Please try again in a minute."
      : "I cannot think just now: the model behind me does not answer. Please try again a little later.";
  return new ClawError("backend_failed", `no backend answered. ${lines.join(". ")}`, {
    cause: failures.at(-1)?.failure,
    say,
  });
}
