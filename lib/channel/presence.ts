import type { Presence } from "./types.ts";

/** Timers as presence needs them; the global ones unless a test brings its own. */
export interface Timers {
  set(callback: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

/** How a channel shows that work is under way. Every action may fail: nothing comes of it. */
export interface PresenceOptions<Id> {
  /** Shows "typing" for a little longer than `refreshMs`. */
  typing(): Promise<unknown>;
  /** Takes "typing" back, where the channel can. Called once, only after `typing`. */
  stopTyping?(): Promise<unknown>;
  /** Posts the progress line; undefined where it could not. Left out: no progress line. */
  show?(line: string): Promise<Id | undefined>;
  edit?(id: Id, line: string): Promise<unknown>;
  remove?(id: Id): Promise<unknown>;
  readonly refreshMs: number;
  /** So that a quick answer costs no call. */
  readonly typingDelayMs?: number;
  readonly progressAfterMs?: number;
  /** The shortest time between two edits of the progress line. */
  readonly editEveryMs?: number;
  readonly timers?: Timers;
}

/** What the progress line says while no tool is at work. */
const thinking = "thinking …";

/** No timer of ours keeps the process alive. */
export const globalTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** The timing both channels share: typing after 200 ms, one progress line after 8 s, edited at most every 2 s. */
export function createPresence<Id>(options: PresenceOptions<Id>): Presence {
  const { typingDelayMs = 200, progressAfterMs = 8_000, editEveryMs = 2_000, timers = globalTimers } = options;
  const running = new Map<"typing" | "line", unknown>();
  let ended = false;
  let typing: Promise<unknown> | undefined;
  let wanted = thinking;
  let shown: { readonly id: Id; line: string } | undefined;
  let due = false;
  // The actions on the line, one after the other: an edit never overtakes the post it belongs to.
  let lineWork: Promise<void> | undefined;

  const after = (what: "typing" | "line", ms: number, act: () => void): void => {
    running.set(what, timers.set(act, ms));
  };
  const quietly = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch {
      return undefined;
    }
  };
  const type = (): void => {
    typing = quietly(() => options.typing());
    after("typing", options.refreshMs, type);
  };
  const updateLine = async (): Promise<void> => {
    const line = wanted;
    if (line === shown?.line) return;
    due = false;
    if (shown) {
      const { id } = shown;
      shown.line = line;
      await quietly(async () => options.edit?.(id, line));
    } else {
      const id = await quietly(async () => options.show?.(line));
      // Given up: the post may have arrived all the same, and a second one could never be removed.
      if (id === undefined) return;
      shown = { id, line };
    }
    if (!ended) after("line", editEveryMs, lineDue);
  };
  const workOnLine = (): void => {
    lineWork ??= updateLine().finally(() => (lineWork = undefined));
  };
  const lineDue = (): void => {
    due = true;
    workOnLine();
  };

  after("typing", typingDelayMs, type);
  if (options.show) after("line", progressAfterMs, lineDue);

  return {
    progress(line) {
      wanted = line ?? thinking;
      if (due && !ended) workOnLine();
    },
    async end() {
      if (ended) return;
      ended = true;
      for (const timer of running.values()) timers.clear(timer);
      // Waited for, so that neither arrives after the answer.
      await Promise.all([typing, lineWork]);
      const id = shown?.id;
      await Promise.all([
        typing && options.stopTyping && quietly(async () => options.stopTyping?.()),
        id !== undefined && quietly(async () => options.remove?.(id)),
      ]);
    },
  };
}
