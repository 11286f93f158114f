import { setTimeout as sleep } from "node:timers/promises";

/** Waits for what only a query can tell, such as a row's state. Rejects with the last value after `ms`. */
export async function until<Value>(
  ask: () => Promise<Value>,
  satisfies: (value: Value) => boolean = Boolean,
  ms = 30_000,
): Promise<Value> {
  for (const end = performance.now() + ms; ; await sleep(15)) {
    const value = await ask();
    if (satisfies(value)) return value;
    if (performance.now() > end) throw new Error(`not within ${ms} ms; last seen: ${JSON.stringify(value)}`);
  }
}
