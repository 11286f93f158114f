/** Calendars as plain ICS files, and the safe reading of what any calendar contains. */
import { Worker } from "node:worker_threads";
import { ClawError } from "../errors.ts";
import type { DaysWindow, Expanded } from "./ics-expand.ts";
import { askService, type Service } from "./service.ts";

/** Fetches the file. Throws what `askService` throws, and ClawError `fetch_failed` where it is no calendar. */
export async function fetchIcs(service: Service, signal: AbortSignal): Promise<string> {
  const headers = { accept: "text/calendar, text/plain;q=0.5, */*;q=0.1" };
  const { body } = await askService(service, service.url, { headers, signal });
  const text = body.toString("utf8");
  if (/^\uFEFF?\s*BEGIN:VCALENDAR/i.test(text)) return text;
  throw new ClawError(
    "fetch_failed",
    `${service.title} answered with what is no ICS file: check ${service.key}.url and ${service.key}.kind`,
  );
}

/** A file of some megabytes with a hundred series takes a tenth of both. */
const limits = { ms: 10_000, megabytes: 256 };
const mostOccurrences = 2_000;

/** One thread at a time: each takes 30 MB, and an account may have twenty calendars. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Expands calendars in a thread that is ended when it takes too much time or memory: a few lines can ask for millions of
 * occurrences. Throws ClawError `limit_reached` then, and `cancelled`.
 */
export function expandInWorker(
  texts: readonly string[],
  window: DaysWindow,
  signal: AbortSignal,
  most = limits,
): Promise<Expanded> {
  if (texts.length === 0) return Promise.resolve({ occurrences: [], damaged: 0, more: 0 });
  const mine = turn.then(() => expandNow(texts, window, signal, most));
  turn = mine.catch(() => {});
  return mine;
}

async function expandNow(
  texts: readonly string[],
  window: DaysWindow,
  signal: AbortSignal,
  { ms, megabytes }: typeof limits,
): Promise<Expanded> {
  const cancelled = (): ClawError => new ClawError("cancelled", "there was no time left to read it");
  if (signal.aborted) throw cancelled();
  const { promise, resolve, reject } = Promise.withResolvers<Expanded>();
  const tooMuch = (cause?: unknown): void =>
    reject(
      new ClawError("limit_reached", "its events take too long to read: is there one that repeats without end?", {
        cause,
      }),
    );
  const worker = new Worker(new URL("./ics-worker.ts", import.meta.url), {
    workerData: { texts, window, limit: mostOccurrences },
    resourceLimits: { maxOldGenerationSizeMb: megabytes, maxYoungGenerationSizeMb: 16 },
    // What it reads is written by strangers: it is given nothing, and node-ical's warnings, which quote, go nowhere.
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  const timer = setTimeout(tooMuch, ms);
  const onAbort = (): void => reject(cancelled());
  signal.addEventListener("abort", onAbort, { once: true });
  worker.once("message", (expanded: Expanded) => resolve(expanded));
  worker.once("error", (error: NodeJS.ErrnoException) =>
    error.code === "ERR_WORKER_OUT_OF_MEMORY" ? tooMuch(error) : reject(error),
  );
  worker.once("exit", () => reject(new Error("the calendar's reader ended without a word")));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}
