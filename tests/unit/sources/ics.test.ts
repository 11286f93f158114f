import assert from "node:assert/strict";
import { test } from "node:test";
import { daysWindow } from "../../../lib/sources/calendar.ts";
import { expandInWorker } from "../../../lib/sources/ics.ts";
import { calendar, event } from "./ics.ts";

const window = daysWindow("2026-07-20", 31, "Europe/Berlin");
const { signal } = new AbortController();
const numbers = (count: number): string => [...Array(count).keys()].join(",");
const everySecond = calendar(
  event(
    "flood",
    "DTSTART:20260101T000000Z",
    `RRULE:FREQ=DAILY;BYHOUR=${numbers(24)};BYMINUTE=${numbers(60)};BYSECOND=${numbers(60)}`,
  ),
);

test("a calendar is read in a thread of its own", async () => {
  const { occurrences } = await expandInWorker([calendar(event("one", "DTSTART:20260724T100000Z"))], window, signal);
  assert.deepEqual(
    occurrences.map(({ title }) => title),
    ["one"],
  );
});

test("a calendar that asks for millions of occurrences is given up when its time is over", async () => {
  const read = expandInWorker([everySecond], window, signal, { ms: 500, megabytes: 256 });
  await assert.rejects(read, { code: "limit_reached", message: /take too long to read/ });
});

test("a calendar that asks for more memory than it may have is given up, and the gateway goes on", async () => {
  const read = expandInWorker([everySecond], window, signal, { ms: 60_000, megabytes: 24 });
  await assert.rejects(read, { code: "limit_reached" });
});

test("a reading that is cancelled ends, also one that has not begun", async () => {
  const stop = new AbortController();
  const reads = [1, 2].map(() => expandInWorker([everySecond], window, stop.signal));
  setTimeout(() => stop.abort(), 200);
  for (const { status, reason } of await Promise.allSettled(reads).then((all) => all as PromiseRejectedResult[]))
    assert.deepEqual([status, (reason as { code?: string }).code], ["rejected", "cancelled"]);
});

test("the next calendar is read though the one before was given up", async () => {
  const bad = expandInWorker([everySecond], window, signal, { ms: 300, megabytes: 256 });
  const good = expandInWorker([calendar(event("one", "DTSTART:20260724T100000Z"))], window, signal);
  await assert.rejects(bad);
  assert.equal((await good).occurrences.length, 1);
});
