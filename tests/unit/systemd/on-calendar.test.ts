import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import fc from "../../support/property.ts";
import { onCalendar } from "../../../lib/systemd/on-calendar.ts";
import type { Timetable } from "../../../lib/time/slots.ts";
import { changes, dayMs, expressions, slotsFrom, zones } from "../jobs/support.ts";

const now = new Date("2026-11-24T00:00Z");
const specs = (schedule: string, timezone = "Europe/Berlin"): string[] =>
  onCalendar({ schedule, timezone }, now).map(({ spec }) => spec);

describe("OnCalendar", () => {
  test("says what a cron expression says", () => {
    const table: [string, string][] = [
      ["0 8 * * 1-5", "Mon..Fri *-*-* 08:00:00 Europe/Berlin"],
      ["0 19 * * fri", "Fri *-*-* 19:00:00 Europe/Berlin"],
      ["0 9 * * 0,6", "Sat,Sun *-*-* 09:00:00 Europe/Berlin"],
      ["*/20 6-9,12 * * *", "*-*-* 06..09,12:00,20,40:00 Europe/Berlin"],
      ["0 12 1,15 1-3,6 *", "*-01..03,06-01,15 12:00:00 Europe/Berlin"],
      ["* 14 * * *", "*-*-* 14:*:00 Europe/Berlin"],
      ["0 8 * * 0-7", "Mon..Sun *-*-* 08:00:00 Europe/Berlin"],
    ];
    for (const [schedule, spec] of table) assert.deepEqual(specs(schedule), [spec]);
  });

  test("takes two lines where day or weekday is enough", () => {
    assert.deepEqual(specs("0 8 13 * 5"), ["*-*-13 08:00:00 Europe/Berlin", "Fri *-*-* 08:00:00 Europe/Berlin"]);
  });

  test("has a further line for what a gap skips, where that may happen", () => {
    assert.deepEqual(specs("30 2 * * *"), ["*-*-* 02:30:00 Europe/Berlin", "Sun *-03-* 03:00:00 Europe/Berlin"]);
    assert.deepEqual(specs("30 2 * * *", "Asia/Kathmandu"), ["*-*-* 02:30:00 Asia/Kathmandu"]);
    assert.equal(specs("30 2 * * 1-5").length, 1);
    assert.equal(specs("0,30 2,3 * * *").length, 1);
    assert.deepEqual(specs("10 2 * * *", "Australia/Lord_Howe")[1], "Sun *-10-* 02:30:00 Australia/Lord_Howe");
  });

  test("has a further line for what comes twice, where every hour is meant", () => {
    assert.deepEqual(specs("*/20 * * * *"), ["*-*-* *:00,20,40:00 Europe/Berlin", "Sun *-10-* 01:00,20,40:00 UTC"]);
    assert.equal(specs("*/20 * * * *", "Asia/Kathmandu").length, 1);
  });
});

const missing =
  spawnSync("systemd-analyze", ["--version"]).status === 0 ? "" : " (skipped: systemd-analyze is not installed)";

/** Morocco's rules are newer than the zone data of some systems, which then have other clocks than Node. */
const settled = zones.filter((zone) => zone !== "Africa/Casablanca");

/** When lines elapse from one instant on, up to `count` times each, by systemd itself. */
function elapses(lines: readonly string[], from: number, count: number): number[] {
  const base = `${new Date(from).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const args = ["calendar", `--iterations=${count}`, `--base-time=${base}`, ...lines];
  const out = execFileSync("systemd-analyze", args, { encoding: "utf8", env: { TZ: "UTC", PATH: "/usr/bin:/bin" } });
  return [...out.matchAll(/(?:Next elapse|Iter\. #\d+): \w{3} (\S+ \S+) UTC/g)].map(([, time = ""]) =>
    Date.parse(`${time.replace(" ", "T")}Z`),
  );
}

/** Each slot of so many has a line that elapses at its instant. */
function assertElapses(given: Timetable, from: number, to: number, most: number): void {
  const slots = slotsFrom(given, from, to).slice(0, most);
  const lines = onCalendar(given, new Date(from)).map(({ spec }) => spec);
  // A line alone may elapse as often as all slots; further ones by hours that nothing is due at.
  const at = new Set(elapses(lines, from - 1000, slots.length + 60));
  const unheard = slots.filter((slot) => !at.has(slot)).map((slot) => new Date(slot).toISOString());
  assert.deepEqual(unheard, [], `${given.schedule} in ${given.timezone}: ${lines.join(" | ")}`);
}

describe("by systemd itself", { skip: missing !== "" }, () => {
  test(`every slot of two years elapses${missing}`, () => {
    const seldom = expressions.filter(({ minutes, hours }) => minutes.length * (hours?.length ?? 24) <= 2);
    fc.assert(
      fc.property(seldom, fc.constantFrom(...settled), ({ text }, zone) => {
        const from = now.getTime();
        assertElapses({ schedule: text, timezone: zone }, from, from + 730 * dayMs, 1_500);
      }),
      { numRuns: 8 },
    );
  });

  test(`every slot around a change of the clocks elapses${missing}`, () => {
    const all = settled.flatMap((zone) => changes[zone].map((change) => [zone, Date.parse(change)] as const));
    const some = expressions.filter(({ minutes, hours }) => minutes.length * (hours?.length ?? 24) <= 100);
    fc.assert(
      fc.property(some, fc.constantFrom(...all), ({ text }, [zone, change]) => {
        assertElapses({ schedule: text, timezone: zone }, change - dayMs, change + dayMs, 500);
      }),
      { numRuns: 40 },
    );
  });
});
