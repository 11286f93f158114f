import { setTimeout as sleep } from "node:timers/promises";

/** How long is waited for what has to come. Long, since the machine may have much else to do; how quick something is, is asserted by itself. */
export const patienceMs = 60_000;

/** Waits for what only a query can tell, such as a row's state. Rejects with the last value after `ms`. */
export async function until<Value>(
  ask: () => Promise<Value>,
  satisfies: (value: Value) => boolean = Boolean,
  ms = patienceMs,
): Promise<Value> {
  for (const end = performance.now() + ms; ; await sleep(15)) {
    const value = await ask();
    if (satisfies(value)) return value;
    if (performance.now() > end) throw new Error(`not within ${ms} ms; last seen: ${JSON.stringify(value)}`);
  }
}
