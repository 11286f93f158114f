/** Parts of a benchmark in processes of their own, so that none waits for another's event loop. Calls go over IPC. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** What a child can be asked to do. */
export type Calls = Readonly<Record<string, (argument: never) => unknown>>;

/** A running child. */
export interface Child<Known extends Calls> {
  /** Does one call in the child; rejects with what it threw there, or when the child is gone. */
  call<Name extends keyof Known & string>(
    name: Name,
    argument: Parameters<Known[Name]>[0],
  ): Promise<Awaited<ReturnType<Known[Name]>>>;
  /** Ends the child and waits until it is gone. */
  stop(): Promise<void>;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts `file` (a path beside this one), which must call `serveCalls`. */
export function startChild<Known extends Calls>(file: string, environment: NodeJS.ProcessEnv = {}): Child<Known> {
  const process_: ChildProcess = fork(new URL(file, import.meta.url), {
    execArgv: [],
    env: { ...process.env, ...environment },
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let last = 0;
  process_.on("message", ({ id, result, error }: Reply) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(`${file}: ${error}`));
  });
  process_.once("exit", (code) => {
    for (const call of waiting.values()) call.reject(new Error(`${file} ended with ${code}`));
    waiting.clear();
  });
  return {
    call(name, argument) {
      const call = Promise.withResolvers<never>();
      const question: Question = { id: ++last, name, argument };
      waiting.set(question.id, call as unknown as PromiseWithResolvers<unknown>);
      process_.send(question);
      return call.promise;
    },
    async stop() {
      if (process_.exitCode !== null || process_.signalCode !== null) return;
      const gone = once(process_, "exit");
      process_.kill("SIGTERM");
      await gone;
    },
  };
}

/** The child's side: answers calls until its parent is gone. */
export function serveCalls<Known extends Calls>(calls: Known): void {
  process.on("message", (question: Question) => {
    const call = calls[question.name] as ((argument: unknown) => unknown) | undefined;
    const answer = async (): Promise<Reply> => ({ id: question.id, result: await call?.(question.argument) });
    answer()
      .catch((thrown: unknown): Reply => ({ id: question.id, error: String((thrown as Error).stack ?? thrown) }))
      .then((reply) => process.send?.(reply))
      .catch(() => process.exit(1));
  });
  process.on("disconnect", () => process.exit(0));
}

/** Milliseconds on a clock that all processes of the machine share. */
export const sharedClock = (): number => Number(process.hrtime.bigint()) / 1e6;
