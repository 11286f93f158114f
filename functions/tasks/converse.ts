import { converse } from "../../lib/conversation/converse.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import type { Task } from "../../lib/queue/worker.ts";

/** How soon to look again at a lane that another gateway is working on. */
const retryMs = 300;

/** Answers one lane's open messages. */
export const converseTask =
  (deps: ConversationDeps): Task<{ lane: string }> =>
  async ({ lane }, signal) => {
    if ((await converse(deps, lane, signal)) !== "elsewhere") return;
    await deps.sql`
      select graphile_worker.add_job('converse', json_build_object('lane', ${lane}::text),
        run_at := now() + ${retryMs}::int * interval '1 millisecond', job_key := 'converse:' || ${lane}::text)`;
  };
