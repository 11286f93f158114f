import { control } from "../../lib/conversation/control.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** Answers one command past its lane. */
export const controlTask =
  (deps: ConversationDeps): Task<{ inbox: number }> =>
  ({ inbox }, signal) =>
    control(deps, inbox, signal);
