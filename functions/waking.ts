import type { TransactionalInbox } from "../lib/ledger/inbox.ts";
import type { MatrixCrypto } from "../lib/matrix/crypto/crypto.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Lanes } from "../lib/queue/lanes.ts";

/** Wakes those who work on what came in, and counts it by what became of it. */
export function waking(
  lanes: () => Lanes,
  crypto: () => Pick<MatrixCrypto, "arrived">,
  metrics: Metrics,
): TransactionalInbox["announce"] {
  return (entries, accepted) => {
    for (const { source, channel, lane, kind, state } of entries) {
      if (!accepted.has(source)) continue;
      metrics.inbox.inc({ channel, state });
      if (state !== "new") continue;
      // After the acknowledgement, which is on its way before the event loop turns.
      if (kind === "message") setImmediate(() => lanes().wake(lane));
      else if (kind === "encrypted") setImmediate(() => crypto().arrived(lane));
    }
  };
}
