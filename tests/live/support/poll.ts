import { patienceMs } from "../../support/until.ts";

/** Looks every 25 ms until there is something to see; rejects after `waitMs` and says for what it waited. */
export async function poll<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  waitMs = patienceMs,
): Promise<Value> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${waitMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
