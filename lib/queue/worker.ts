/** The Postgres queue's worker: Graphile Worker with our tasks, our log and our liveness locks. */
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Logger, parseCronItems, run, type Runner, type TaskList, type WorkerEvents } from "graphile-worker";
import type { Log } from "../log.ts";
import type { Locks } from "./locks.ts";

/** A queue task: reads its payload, does its work, throws to be tried again later. */
export type Task<Payload> = (payload: Payload, signal: AbortSignal) => Promise<void>;

/** The tasks there are; their names are what SQL enqueues. */
export interface Tasks {
  readonly control: Task<{ inbox: number }>;
  readonly deliver: Task<{ lane: string }>;
  readonly "matrix-membership": Task<{ inbox: number }>;
  readonly "approval-decided": Task<{ code: string }>;
  readonly "approval-expiry": Task<{ code: string }>;
  /** Once a minute, in one of the processes. */
  readonly "job-tick": Task<unknown>;
}

/** A running queue worker. */
export interface QueueWorker {
  /** Takes no new work, and resolves when what is under way has ended. */
  stop(): Promise<void>;
}

export async function startWorker(options: {
  url: string;
  tasks: Tasks;
  concurrency: number;
  locks: Locks;
  /** At a stop, how long running tasks may go on before their signal aborts, in milliseconds. */
  graceMs: number;
  log: Log;
}): Promise<QueueWorker> {
  const { log, locks } = options;
  const events = new EventEmitter() as WorkerEvents;
  let announced: Promise<void> | undefined;
  events.on("pool:create", ({ workerPool }) => {
    announced = locks.announce(workerPool.id);
    announced.catch((err: unknown) => log.error({ err }, "the queue worker's liveness lock could not be taken"));
  });
  // A task that throws is tried again with growing delays; unlogged, a bug there would look like a hang.
  events.on("job:error", ({ job, error }) => {
    log.error(
      { err: error, task: job.task_identifier, job: job.id, attempt: job.attempts },
      "a queue task failed and will be tried again",
    );
  });
  const taskList: TaskList = {};
  for (const [name, task] of Object.entries(options.tasks) as [string, Task<unknown>][])
    taskList[name] = async (payload, helpers) => {
      await announced;
      await task(payload, helpers.abortSignal ?? new AbortController().signal);
    };
  // Our own pool: Graphile Worker ends one of its own without waiting, and no longer hears the errors of that.
  const pgPool = new pg.Pool({
    connectionString: options.url,
    max: options.concurrency + 2,
    application_name: "openclaw queue",
    // Taking and ending a job need not outlive a power cut: the ledgers say what is done, and a job may run again.
    options: "-c synchronous_commit=off",
  });
  const onError = (err: Error): void => log.warn({ err }, "a connection of the queue was lost");
  pgPool.on("error", onError);
  pgPool.on("connect", (client) => void client.on("error", onError));
  const settings = {
    pgPool,
    concurrency: options.concurrency,
    noHandleSignals: true,
    gracefulShutdownAbortTimeout: options.graceMs,
    // Left out, it does not await the end of a job: a connection lost then would be an unhandled rejection, which ends
    // the process. With it, Graphile Worker stops, and is started again below.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    // Jobs added now wake us by NOTIFY; polling is for those that are due later.
    pollInterval: 1000,
    taskList,
    // One that failed, or was not come to, is made up for by the next.
    parsedCronItems: parseCronItems([
      { task: "job-tick", match: "* * * * *", options: { maxAttempts: 1, jobKey: "job-tick" } },
    ]),
    events,
    logger: quietLogger(log),
  };
  const stopping = new AbortController();
  let runner: Runner = await run(settings);
  const begun = async (): Promise<boolean> => {
    try {
      runner = await run(settings);
      return true;
    } catch (err) {
      log.error({ err }, "the queue worker could not be started");
      return false;
    }
  };
  const keptRunning = (async () => {
    for (;;) {
      await runner.promise.catch(() => {});
      do {
        if (stopping.signal.aborted) return;
        log.error("the queue worker stopped by itself; it is started again");
        await sleep(restartMs, undefined, { signal: stopping.signal }).catch(() => {});
      } while (!stopping.signal.aborted && !(await begun()));
    }
  })();
  return {
    async stop() {
      stopping.abort();
      // One that is just being started, or that stopped by itself a moment ago, has nothing to be told.
      await runner.stop().catch(() => {});
      await keptRunning;
      await pgPool.end();
    },
  };
}

const restartMs = 500;

/** Graphile Worker logs payloads at some levels; ours hold ids only, but its text is kept to warnings all the same. */
function quietLogger(log: Log): Logger {
  return new Logger(() => (level, message) => {
    if (level === "error") log.error({ from: "graphile-worker" }, message);
    else if (level === "warning") log.warn({ from: "graphile-worker" }, message);
  });
}
