import assert from "node:assert/strict";
import { test } from "node:test";
import { instantOf } from "../../../lib/time/wall-clock.ts";
import { timetableWords } from "../../../lib/time/timetable-words.ts";
import { instantWords } from "../../../lib/time/names.ts";

const timezone = "Europe/Berlin";

test("a timetable is said in words", () => {
  const words: Record<string, string> = {
    "0 7 * * 1-5": "weekdays at 07:00",
    "0 8,20 * * *": "every day at 08:00 and 20:00",
    "0 10 * * sat,sun": "weekends at 10:00",
    "30 18 * * 5": "every Friday at 18:30",
    "0 9 * * 1,3,5": "every Monday, Wednesday and Friday at 09:00",
    "0 9 1,15 * *": "on day 1 and 15 of the month at 09:00",
    "0 9 13 * 5": "every Friday and on day 13 of the month at 09:00",
    "0 6 * 3,4 *": "every day in March and April at 06:00",
    "*/15 * * * *": "every day every 15 minutes",
    "*/20 8-17 * * *": "every day every 20 minutes in the hours 08-17",
    "0 8-17,20 * * *": "every day at :00 in the hours 08-17 and 20",
    "30 * * * *": "every day at :30 of every hour",
    "* * * * *": "every day every minute",
  };
  for (const [schedule, said] of Object.entries(words))
    assert.equal(timetableWords({ schedule, timezone }), `${said} (Europe/Berlin)`);
});

test("an instant is said by the clocks of its zone", () => {
  const at = new Date("2026-11-28T17:00:00Z");
  assert.equal(instantWords(at, timezone), "Sat 28 Nov 2026 at 18:00");
  assert.equal(instantWords(at, "Asia/Kolkata"), "Sat 28 Nov 2026 at 22:30");
});

test("a local time is the instant its zone's clocks show it at, through both changes of clocks", () => {
  const utc = (local: string) => instantOf(local, timezone)?.toISOString().slice(0, 16);
  assert.equal(utc("2026-11-28T18:00"), "2026-11-28T17:00");
  assert.equal(utc("2026-07-28T18:00"), "2026-07-28T16:00");
  // Left out in spring: an hour later. Twice in autumn: the first.
  assert.equal(utc("2026-03-29T02:30"), "2026-03-29T01:30");
  assert.equal(utc("2026-10-25T02:30"), "2026-10-25T00:30");
});

test("what is no day or time is no instant", () => {
  for (const local of [
    "2026-02-30T10:00",
    "2026-13-01T10:00",
    "2026-11-28T24:30",
    "2026-11-28",
    "tomorrow",
    "2026-11-28T18:00Z",
    "2026-11-28T18:00+02:00",
    "",
  ])
    assert.equal(instantOf(local, timezone), undefined, local);
});
