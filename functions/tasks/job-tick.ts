import { type EachMinute, tick } from "../../lib/jobs/tick.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Does what is done each minute. */
export const jobTickTask =
  (all: readonly EachMinute[]): Task<unknown> =>
  () =>
    tick(all, new Date());
