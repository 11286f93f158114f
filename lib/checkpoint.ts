import { channel } from "node:diagnostics_channel";

/** The named places where a run or a delivery can be watched, or killed by a test. */
export type Checkpoint =
  | "inbox.committed"
  | "llm.requested"
  | "budget.reserved"
  | "llm.answered"
  | "llm.saved"
  | "tool.requested"
  | "tool.started"
  | "tool.ended"
  | "tool.saved"
  | "run.parked"
  | "approval.decided"
  | "approval.told"
  | "outbox.committed"
  | "send.started"
  | "send.ended"
  | "send.saved"
  | "job.gathered"
  | "job.committed"
  | "job.settled"
  | "job.after"
  | "crypto.worked"
  | "crypto.committed"
  | "keys.resealed"
  | "keys.rotated";

const checkpoints = channel("openclaw.checkpoint");

/** Tells subscribers of the diagnostics channel `openclaw.checkpoint`; costs nothing when there is none. */
export function checkpoint(name: Checkpoint): void {
  if (checkpoints.hasSubscribers) checkpoints.publish(name);
}
