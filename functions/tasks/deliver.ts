import { deliver, type DeliverDeps } from "../../lib/conversation/deliver.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Sends what is open in one lane's outbox. */
export const deliverTask =
  (deps: DeliverDeps): Task<{ lane: string }> =>
  ({ lane }, signal) =>
    deliver(deps, lane, signal);
