import { setTimeout as sleep } from "node:timers/promises";
import { dayOf } from "../../lib/time/wall-clock.ts";

/** What is counted by the day must be asked about on the day it was counted: so long before midnight a test does not begin. */
const lastMs = 120_000;

/** Resolves at once, or where the day is about to end in this time zone, when the next one has begun. */
export async function awayFromMidnight(timezone: string): Promise<void> {
  while (dayOf(new Date(), timezone) !== dayOf(new Date(Date.now() + lastMs), timezone)) await sleep(1_000);
}
