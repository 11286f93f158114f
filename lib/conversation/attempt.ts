/** A run's work under its time limit, until it is done, has failed, is stopped by a person, or waits for one. */
import { RunWaiting } from "../agent/waiting.ts";
import type { Agent } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { isCancelRequested } from "../ledger/runs.ts";
import type { Taint } from "../policy/taint.ts";
import type { ConversationDeps } from "./deps.ts";
import { type Ending, failureOf } from "./ending.ts";
import { park } from "./park.ts";
import type { RunSetup } from "./run-setup.ts";

/** How long a run may take, and where that is written. */
export interface TimeLimit {
  readonly seconds: number;
  readonly key: string;
}

export const limitOf = ({ name, limits }: Agent): TimeLimit => ({
  seconds: limits.seconds,
  key: `agents.${name}.limits.seconds`,
});

/** Has the controller abort when the time is up. */
export const limited = ({ seconds, key }: TimeLimit, stop: AbortController): NodeJS.Timeout =>
  setTimeout(() => {
    const say = `I stopped: this took longer than ${seconds} seconds.`;
    stop.abort(new ClawError("limit_reached", `the run took longer than ${seconds} s (${key})`, { say }));
  }, seconds * 1000);

/**
 * Does the work of a run, and returns how it ended. Undefined: it waits, and is parked. Throws, leaving the run to be taken up again, only where it
 * was interrupted (`signal`), taken over, or the database failed.
 */
export async function attempt(
  deps: ConversationDeps,
  setup: RunSetup,
  { limit, taint, signal }: { readonly limit: TimeLimit; readonly taint: Taint; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<Pick<Ending, "text" | "closing">>,
): Promise<Ending | undefined> {
  const { id } = setup.open.run;
  const stop = new AbortController();
  const timer = limited(limit, stop);
  try {
    const { text, closing } = await deps.cancellations.during(id, stop, async () => {
      // Asked once this process can be told: a wish from before is in the run's row.
      if (setup.input.kind === "past" && (await isCancelRequested(deps.sql, id)))
        throw new ClawError("cancelled", `run ${id} was stopped by a person`, { say: "Stopped." });
      return work(AbortSignal.any([signal, stop.signal]));
    });
    return { state: "done", text, closing };
  } catch (thrown) {
    return await parkedOrFailed(deps, setup, taint, thrown, stop.signal, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** What becomes of a run whose work was broken off: undefined where it waits, and is parked. Throws what is not its own end. */
export async function parkedOrFailed(
  deps: ConversationDeps,
  setup: RunSetup,
  taint: Taint,
  thrown: unknown,
  stopped: AbortSignal,
  interrupted: AbortSignal,
): Promise<Ending | undefined> {
  if (!(thrown instanceof RunWaiting) || stopped.aborted) return failureOf(thrown, stopped, interrupted);
  try {
    await park(deps, setup, thrown, taint);
    return undefined;
  } catch (refused) {
    return failureOf(refused, stopped, interrupted);
  }
}
