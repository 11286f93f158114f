import type { MatrixEvents } from "../../lib/ledger/matrix-events.ts";
import { type MembershipDeps, settleMembership } from "../../lib/matrix/membership.ts";

/** What the task is made of. */
export interface MatrixMembershipTaskDeps extends MembershipDeps {
  readonly events: Pick<MatrixEvents, "membership" | "finishMembership">;
}

/** Works on one membership push of the inbox. Throws where it must be tried again; repeating it is harmless. */
export function createMatrixMembershipTask(deps: MatrixMembershipTaskDeps) {
  return async (payload: { readonly inbox: number }, signal?: AbortSignal): Promise<void> => {
    const pending = await deps.events.membership(payload.inbox);
    if (!pending) return;
    const outcome = await settleMembership(deps, pending, signal);
    await deps.events.finishMembership(
      payload.inbox,
      outcome.state,
      outcome.state === "refused" ? outcome.reason : undefined,
    );
  };
}
