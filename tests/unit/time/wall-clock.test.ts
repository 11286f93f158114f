import assert from "node:assert/strict";
import { test } from "node:test";
import { addDays } from "../../../lib/time/days.ts";
import { dayOf, startOfDay, timeOf } from "../../../lib/time/wall-clock.ts";
import { shortTime } from "../../../lib/time/names.ts";

test("a day begins at the zone's midnight, on both sides of a change of the clocks", () => {
  const start = (day: string, zone: string): string => startOfDay(day, zone).toISOString();
  assert.equal(start("2026-03-29", "Europe/Berlin"), "2026-03-28T23:00:00.000Z");
  assert.equal(start("2026-03-30", "Europe/Berlin"), "2026-03-29T22:00:00.000Z");
  assert.equal(start("2026-10-25", "Europe/Berlin"), "2026-10-24T22:00:00.000Z");
  assert.equal(start("2026-10-26", "Europe/Berlin"), "2026-10-25T23:00:00.000Z");
  assert.equal(start("2026-07-24", "Pacific/Auckland"), "2026-07-23T12:00:00.000Z");
  assert.equal(start("2026-07-24", "Pacific/Pago_Pago"), "2026-07-24T11:00:00.000Z");
  assert.equal(start("2026-07-24", "Asia/Kathmandu"), "2026-07-23T18:15:00.000Z");
});

test("where the clocks are changed at midnight, a day begins with its first moment", () => {
  // 00:00 is followed by 01:00 at once.
  assert.equal(startOfDay("2026-09-06", "America/Santiago").toISOString(), "2026-09-06T04:00:00.000Z");
  assert.equal(timeOf(startOfDay("2026-09-06", "America/Santiago"), "America/Santiago"), "01:00");
  // 24:00 is followed by 23:00 of the day before.
  assert.equal(startOfDay("2026-04-05", "America/Santiago").toISOString(), "2026-04-05T04:00:00.000Z");
});

test("days and times are those of the zone, and days are counted over months, years and leap days", () => {
  const at = new Date("2026-07-23T22:30:00Z");
  assert.equal(dayOf(at, "Europe/Berlin"), "2026-07-24");
  assert.equal(shortTime(at, "Europe/Berlin"), "Fri 24 Jul 00:30");
  assert.equal(shortTime(at, "America/New_York"), "Thu 23 Jul 18:30");
  assert.equal(addDays("2028-02-28", 1), "2028-02-29");
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2026-01-01", -1), "2025-12-31");
});
