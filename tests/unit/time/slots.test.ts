import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import { dueSlot, isSlot, lastSlot, nextSlot, type Timetable } from "../../../lib/time/slots.ts";
import {
  changes,
  dayMs,
  days,
  expressions,
  minuteMs,
  slotsByIntl,
  slotsFrom,
  timetable,
  wallOf,
  zones,
} from "../jobs/support.ts";

const at = (text: string): Date => new Date(text);
const iso = (date: Date | undefined): string | undefined => date?.toISOString().replace(/:00\.000Z$/, "Z");
const isos = (instants: readonly number[]): (string | undefined)[] => instants.map((ms) => iso(new Date(ms)));

/** The slots of some days, as instants. */
const over = (schedule: string, timezone: string, from: string, to: string): (string | undefined)[] =>
  isos(slotsFrom({ schedule, timezone }, Date.parse(from), Date.parse(to)));

describe("where clocks change", () => {
  test("a local time that is skipped is due when the gap ends, however it is written", () => {
    const spring = (schedule: string) => over(schedule, "Europe/Berlin", "2027-03-27T12:00Z", "2027-03-29T12:00Z");
    assert.deepEqual(spring("30 2 * * *"), ["2027-03-28T01:00Z", "2027-03-29T00:30Z"]);
    const twice = ["2027-03-28T01:00Z", "2027-03-29T00:00Z", "2027-03-29T00:30Z"];
    for (const spelling of ["0,30 2 * * *", "*/30 2 * * *", "0/30 2 * * *"]) assert.deepEqual(spring(spelling), twice);
    assert.deepEqual(over("10 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00Z", "2027-10-03T00:00Z"), [
      "2027-10-02T15:30Z",
    ]);
    assert.deepEqual(over("0 0 * * *", "America/Havana", "2027-03-14T00:00Z", "2027-03-15T00:00Z"), [
      "2027-03-14T05:00Z",
    ]);
  });

  test("a local time that comes twice is due the first time, however it is written", () => {
    const autumn = (schedule: string) => over(schedule, "Europe/Berlin", "2027-10-30T12:00Z", "2027-10-31T12:00Z");
    assert.deepEqual(autumn("30 2 * * *"), ["2027-10-31T00:30Z"]);
    for (const spelling of ["0,30 2 * * *", "*/30 2 * * *", "0/30 2 * * *"])
      assert.deepEqual(autumn(spelling), ["2027-10-31T00:00Z", "2027-10-31T00:30Z"]);
    assert.deepEqual(over("40 1 * * *", "Australia/Lord_Howe", "2027-04-03T00:00Z", "2027-04-04T00:00Z"), [
      "2027-04-03T14:40Z",
    ]);
  });

  test("a schedule of every hour goes on at its pace, however it is written", () => {
    for (const schedule of ["30 * * * *", "30 */1 * * *", "30 0-23 * * *"]) {
      assert.deepEqual(over(schedule, "Europe/Berlin", "2027-03-28T00:00Z", "2027-03-28T03:00Z"), [
        "2027-03-28T00:30Z",
        "2027-03-28T01:30Z",
        "2027-03-28T02:30Z",
      ]);
      assert.deepEqual(over(schedule, "Europe/Berlin", "2027-10-31T00:00Z", "2027-10-31T03:00Z"), [
        "2027-10-31T00:30Z",
        "2027-10-31T01:30Z",
        "2027-10-31T02:30Z",
      ]);
    }
  });

  test("a day that a zone leaves out has no slot", () => {
    assert.deepEqual(over("0 8 * * *", "Pacific/Apia", "2011-12-29T00:00Z", "2012-01-01T00:00Z"), [
      "2011-12-29T18:00Z",
      "2011-12-30T18:00Z",
      "2011-12-31T18:00Z",
    ]);
  });

  test("slots are those that Intl finds by looking at every minute, forwards and backwards", () => {
    fc.assert(
      fc.property(expressions, days, (expression, around) => {
        const { zone, from, to } = around;
        const slots = slotsByIntl(expression, zone, from, to);
        const given = timetable(expression, around);
        assert.deepEqual(isos(slotsFrom(given, from, to)), isos(slots));
        const back: number[] = [];
        for (
          let last = lastSlot(given, new Date(to - 1));
          last !== undefined && last.getTime() >= from;
          last = lastSlot(given, new Date(last.getTime() - 1))
        )
          back.unshift(last.getTime());
        assert.deepEqual(isos(back), isos(slots));
      }),
      { numRuns: 80 },
    );
  });

  test("a time of day gives exactly one slot on each day that there is", () => {
    for (const zone of zones)
      for (const change of changes[zone])
        for (let minute = 0; minute < 240; minute += 7) {
          const schedule = `${minute % 60} ${Math.floor(minute / 60)} * * *`;
          const from = Date.parse(change) - 3 * dayMs;
          const slots = slotsFrom({ schedule, timezone: zone }, from, from + 6 * dayMs);
          const dates = slots.map((slot) => Math.floor(wallOf(zone, slot).ms / dayMs));
          assert.equal(new Set(dates).size, dates.length, `${schedule} ${zone}`);
          const passed = new Set<number>();
          for (let ms = from + dayMs; ms < from + 5 * dayMs; ms += 10 * minuteMs)
            passed.add(Math.floor(wallOf(zone, ms).ms / dayMs));
          for (const date of passed) assert.ok(dates.includes(date), `${schedule} ${zone} on day ${date}`);
        }
  });
});

describe("the slot that is due", () => {
  const moments = fc.integer({ min: 0, max: 3 * dayMs - 1 });

  test("is the latest at or before now, or the next one within the early allowance", () => {
    fc.assert(
      fc.property(expressions, days, moments, (expression, around, after) => {
        const given = timetable(expression, around);
        const now = new Date(around.from + after);
        const [due, last, next] = [dueSlot(given, now), lastSlot(given, now), nextSlot(given, now)];
        const early = next !== undefined && next.getTime() - now.getTime() <= 30_000;
        assert.ok(iso(due) === iso(last) || (early && iso(due) === iso(next)));
        assert.ok(due === undefined || isSlot(given, due));
      }),
      { numRuns: 200 },
    );
  });

  test("is that of a timer that fires a little early, at once, or late: none is skipped, none comes twice", () => {
    const schedules = ["* * * * *", "*/5 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 8 * * 1-5"];
    const lateness = fc.double({ min: -0.24, max: 0.74, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...schedules), days, lateness, (schedule, { zone, from }, late) => {
        const given: Timetable = { schedule, timezone: zone };
        const slots = slotsFrom(given, from, from + dayMs / 4);
        for (const [index, slot] of slots.slice(1, -1).entries()) {
          const [before = 0, after = 0] = [slots[index], slots[index + 2]];
          const jitter = late < 0 ? Math.max(late * (slot - before), -30_000) : late * (after - slot);
          assert.equal(dueSlot(given, new Date(slot + jitter))?.getTime(), slot);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("never goes back while the clock goes on, and is one that was due before where the clock steps back", () => {
    fc.assert(
      fc.property(expressions, days, moments, moments, (expression, around, one, two) => {
        const given = timetable(expression, around);
        const earlier = dueSlot(given, new Date(around.from + Math.min(one, two)));
        const later = dueSlot(given, new Date(around.from + Math.max(one, two)));
        assert.ok(earlier === undefined || (later !== undefined && earlier.getTime() <= later.getTime()));
        assert.ok(earlier === undefined || isSlot(given, earlier));
      }),
      { numRuns: 100 },
    );
    const daily = { schedule: "0 8 * * *", timezone: "Europe/Berlin" };
    assert.equal(iso(dueSlot(daily, at("2026-11-24T07:10Z"))), "2026-11-24T07:00Z");
    assert.equal(iso(dueSlot(daily, at("2026-11-24T06:58Z"))), "2026-11-23T07:00Z");
  });

  test("after a day of down-time is the latest", () => {
    const often = { schedule: "*/15 * * * *", timezone: "America/New_York" };
    assert.equal(iso(dueSlot(often, at("2027-11-08T06:03Z"))), "2027-11-08T06:00Z");
  });

  test("a schedule that never occurs has none, and none next", () => {
    const never = { schedule: "0 8 30 2 *", timezone: "Europe/Berlin" };
    const now = at("2026-11-24T07:00Z");
    assert.deepEqual(
      [dueSlot(never, now), nextSlot(never, now), lastSlot(never, now)],
      [undefined, undefined, undefined],
    );
  });

  test("a slot is an exact instant", () => {
    const daily = { schedule: "0 8 * * *", timezone: "Asia/Kathmandu" };
    assert.equal(isSlot(daily, at("2026-11-24T02:15Z")), true);
    assert.equal(isSlot(daily, at("2026-11-24T02:15:00.001Z")), false);
    assert.equal(isSlot(daily, at("2026-11-24T08:00Z")), false);
  });
});
