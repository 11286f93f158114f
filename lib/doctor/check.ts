/** What `claw doctor` is made of: checks of one thing each, looked at side by side, each told in one line and mended by another. */
import { ClawError, messageOf } from "../errors.ts";
import { oneLine } from "../one-line.ts";

/** What one look found. `saw` and `remedy` are one line each. */
export type Finding =
  | { readonly state: "ok" | "skipped"; readonly saw: string }
  /** `warn`: it works, but not as it should; `fail`: it does not work. */
  | { readonly state: "warn" | "fail"; readonly saw: string; readonly remedy: string };

/** One thing to look at. It changes nothing. */
export interface Check {
  /** Dotted, the area first: `telegram.home.webhook`. */
  readonly name: string;
  /** Whatever it throws is a failure told in its words. */
  readonly look: (signal: AbortSignal) => Promise<Finding | readonly Finding[]>;
  /** How long it may take; left out, 15 s. */
  readonly seconds?: number;
}

/** A finding with the check it is of. */
export type Result = Finding & { readonly name: string };

export const ok = (saw: string): Finding => ({ state: "ok", saw });
export const skipped = (saw: string): Finding => ({ state: "skipped", saw });
export const warn = (saw: string, remedy: string): Finding => ({ state: "warn", saw, remedy });
export const fail = (saw: string, remedy: string): Finding => ({ state: "fail", saw, remedy });

/** Thrown by a check that rests on what is not there: it is skipped, since another check tells of that. */
export class NotSeen extends Error {}

const usualSeconds = 15;

/** A question that several checks rest on, asked once, when the first of them needs it. */
export interface Shared<Answer> {
  /** For the check that tells of its failure. */
  own(signal: AbortSignal): Promise<Answer>;
  /** For all others; throws NotSeen where there is no answer, with the reason of what it rests on itself. */
  lean(signal: AbortSignal): Promise<Answer>;
}

/** `missing`: why a check that leans on it was skipped, such as "the database does not answer". */
export function shared<Answer>(
  missing: string,
  ask: (signal: AbortSignal) => Promise<Answer>,
  seconds = usualSeconds - 1,
): Shared<Answer> {
  let asked: Promise<Answer> | undefined;
  // It gives up before those who lean on it do, so that they can say why.
  const own = (signal: AbortSignal): Promise<Answer> => (asked ??= within(seconds, ask, signal));
  return {
    own,
    lean: (signal) =>
      own(signal).catch((thrown: unknown) => {
        throw thrown instanceof NotSeen ? thrown : new NotSeen(missing);
      }),
  };
}

/** Looks at everything at once; the results are in the order of the checks. Never throws. */
export async function runChecks(checks: readonly Check[]): Promise<Result[]> {
  const found = await Promise.all(
    checks.map(async (check) => (await lookAt(check)).map((finding) => ({ ...finding, name: check.name }))),
  );
  return found.flat();
}

async function lookAt({ look, seconds = usualSeconds }: Check): Promise<readonly Finding[]> {
  try {
    return [await within(seconds, look, undefined)].flat();
  } catch (thrown) {
    return [findingOf(thrown)];
  }
}

/** Ends what takes too long, by its signal, and does not wait for that. */
async function within<Answer>(
  seconds: number,
  ask: (signal: AbortSignal) => Promise<Answer>,
  outer: AbortSignal | undefined,
): Promise<Answer> {
  const late = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new ClawError(
        "environment",
        `no answer within ${seconds} s: see whether what it asks is well, and the way there`,
      ),
    );
    late.abort();
  }, seconds * 1000);
  try {
    const signal = outer ? AbortSignal.any([outer, late.signal]) : late.signal;
    return await Promise.race([ask(signal), promise]);
  } finally {
    clearTimeout(timer);
  }
}

const unexpected = "this is not foreseen: look again, and report it if it stays";

/** What was thrown, as a failure; our own errors say what is wrong first, and then how to mend it. */
export function findingOf(thrown: unknown, remedy = unexpected): Finding {
  if (thrown instanceof NotSeen) return skipped(thrown.message);
  const message = oneLine(messageOf(thrown), 600);
  if (!(thrown instanceof ClawError)) return fail(message, remedy);
  const [, saw = message, cure = remedy] = /^(.+?)(?:: |; |\. )(.+)$/.exec(message) ?? [];
  return fail(saw, cure);
}

/** `12 ms`, of a time by `performance.now()` on. */
export const since = (began: number): string => `${Math.round(performance.now() - began)} ms`;

/** `3 agents`, `1 agent`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** `3 min`, `2 h`, `5 days`: roughly how long. */
export function age(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return counted(Math.round(seconds / 86_400), "day");
}
