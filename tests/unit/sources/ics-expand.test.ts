import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { daysWindow } from "../../../lib/sources/calendar.ts";
import { expandIcs } from "../../../lib/sources/ics-expand.ts";
import { calendar, event } from "./ics.ts";

const zone = "Europe/Berlin";

/** `title start–end` of what there is on these days. */
function on(from: string, days: number, ...components: string[]): string[] {
  const { occurrences } = expandIcs([calendar(...components)], daysWindow(from, days, zone), 100);
  return occurrences.map(({ title, start, end }) => `${title} ${start}–${end}`.replaceAll(":00.000Z", "Z"));
}

test("a series keeps its time on the wall when the clocks are changed", () => {
  const daily = event("daily", `DTSTART;TZID=${zone}:20260301T090000`, "DURATION:PT30M", "RRULE:FREQ=DAILY");
  assert.deepEqual(on("2026-03-28", 3, daily), [
    "daily 2026-03-28T08:00Z–2026-03-28T08:30Z",
    "daily 2026-03-29T07:00Z–2026-03-29T07:30Z",
    "daily 2026-03-30T07:00Z–2026-03-30T07:30Z",
  ]);
  assert.deepEqual(on("2026-10-25", 1, daily), ["daily 2026-10-25T08:00Z–2026-10-25T08:30Z"]);
});

test("occurrences are left out by time and by day, moved within, out of and into the days asked for, and cancelled", () => {
  const at = (day: number, hour: number): string => `TZID=${zone}:202607${day}T${String(hour).padStart(2, "0")}0000`;
  const series = event(
    "series",
    `DTSTART;${at(20, 10)}`,
    `DTEND;${at(20, 11)}`,
    "RRULE:FREQ=DAILY;COUNT=11",
    `EXDATE;${at(21, 10)}`,
    "EXDATE;VALUE=DATE:20260722",
  );
  const moved = (from: number, to: string, ...more: string[]): string =>
    event("series", `RECURRENCE-ID;${at(from, 10)}`, `DTSTART;${to}`, "DURATION:PT15M", ...more);
  const all = [
    series,
    moved(23, at(23, 15)),
    moved(24, at(28, 7)),
    moved(27, at(24, 8)),
    moved(25, at(25, 10), "STATUS:CANCELLED"),
  ];
  assert.deepEqual(on("2026-07-20", 6, ...all), [
    "series 2026-07-20T08:00Z–2026-07-20T09:00Z",
    "series 2026-07-23T13:00Z–2026-07-23T13:15Z",
    "series 2026-07-24T06:00Z–2026-07-24T06:15Z",
  ]);
  assert.deepEqual(on("2026-07-28", 1, ...all), [
    "series 2026-07-28T05:00Z–2026-07-28T05:15Z",
    "series 2026-07-28T08:00Z–2026-07-28T09:00Z",
  ]);
});

const hostZone = process.env["TZ"];
afterEach(() => {
  if (hostZone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = hostZone;
});

for (const host of ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Santiago"])
  test(`whole days and times without a zone are the same wherever the gateway runs: ${host}`, () => {
    process.env["TZ"] = host;
    const days = [
      event("birthday", "DTSTART;VALUE=DATE:19500724", "RRULE:FREQ=YEARLY"),
      event("holiday", "DTSTART;VALUE=DATE:20260720", "DTEND;VALUE=DATE:20260725"),
      event("over", "DTSTART;VALUE=DATE:20260723"),
      event("weekly", "DTSTART;VALUE=DATE:20260710", "RRULE:FREQ=WEEKLY", "EXDATE;VALUE=DATE:20260717"),
      event("floating", "DTSTART:20260724T003000", "DTEND:20260724T013000"),
      event("series", "DTSTART:20260701T233000", "DURATION:PT15M", "RRULE:FREQ=DAILY", "EXDATE:20260725T233000"),
    ];
    assert.deepEqual(on("2026-07-24", 1, ...days), [
      "holiday 2026-07-20–2026-07-25",
      "floating 2026-07-23T22:30Z–2026-07-23T23:30Z",
      "birthday 2026-07-24–2026-07-25",
      "weekly 2026-07-24–2026-07-25",
      "series 2026-07-24T21:30Z–2026-07-24T21:45Z",
    ]);
    assert.deepEqual(on("2026-07-17", 1, ...days), ["series 2026-07-17T21:30Z–2026-07-17T21:45Z"]);
    assert.deepEqual(on("2026-07-25", 1, ...days), []);
  });

test("what touches the days is there, what ends as they begin or begins as they end is not", () => {
  const timed = (uid: string, from: string, to: string): string =>
    event(uid, `DTSTART:202607${from}00Z`, `DTEND:202607${to}00Z`);
  const all = [
    timed("before", "23T2100", "23T2200"),
    timed("into", "23T2130", "23T2230"),
    timed("whole", "20T0000", "30T0000"),
    timed("out", "24T2130", "24T2230"),
    timed("after", "24T2200", "24T2300"),
    event("instant", "DTSTART:20260723T220000Z"),
  ];
  const titles = on("2026-07-24", 1, ...all).map((line) => line.split(" ")[0]);
  assert.deepEqual(titles, ["whole", "into", "instant", "out"]);
});

test("dates that are added to an event or a series are there once, as long as it is", () => {
  const alone = event(
    "alone",
    "DTSTART:20260720T090000Z",
    "DTEND:20260720T103000Z",
    "RDATE:20260720T090000Z,20260724T110000Z",
  );
  const series = event(
    "series",
    `DTSTART;TZID=${zone}:20260720T120000`,
    "DURATION:PT1H",
    "RRULE:FREQ=WEEKLY;COUNT=2",
    `RDATE;TZID=${zone}:20260722T120000,20260723T120000`,
    `EXDATE;TZID=${zone}:20260722T120000`,
  );
  const whole = event("whole", "DTSTART;VALUE=DATE:20260701", "DTEND;VALUE=DATE:20260703", "RDATE;VALUE=DATE:20260722");
  assert.deepEqual(on("2026-07-20", 5, alone, series, whole), [
    "alone 2026-07-20T09:00Z–2026-07-20T10:30Z",
    "series 2026-07-20T10:00Z–2026-07-20T11:00Z",
    "whole 2026-07-22–2026-07-24",
    "series 2026-07-23T10:00Z–2026-07-23T11:00Z",
    "alone 2026-07-24T11:00Z–2026-07-24T12:30Z",
  ]);
});

test("zones are known by the names that Outlook, Evolution and Apple give them, and by their definition", () => {
  const custom = [
    "BEGIN:VTIMEZONE",
    "TZID:Somewhere of ours",
    ...["BEGIN:STANDARD", "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100"],
    ...["RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD"],
    ...["BEGIN:DAYLIGHT", "DTSTART:16010101T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200"],
    ...["RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT"],
    "END:VTIMEZONE",
  ].join("\r\n");
  const noon = (tzid: string): string => event(tzid.slice(0, 4), `DTSTART;TZID=${tzid}:20260724T120000`);
  const names = [
    "America/New_York",
    "Tokyo Standard Time",
    "/free.example/Europe/London",
    '"Somewhere of ours"',
    "Nowhere",
  ];
  assert.deepEqual(on("2026-07-24", 1, custom, ...names.map(noon)), [
    "Toky 2026-07-24T03:00Z–2026-07-24T03:00Z",
    '"Som 2026-07-24T10:00Z–2026-07-24T10:00Z',
    "Nowh 2026-07-24T10:00Z–2026-07-24T10:00Z",
    "/fre 2026-07-24T11:00Z–2026-07-24T11:00Z",
    "Amer 2026-07-24T16:00Z–2026-07-24T16:00Z",
  ]);
});

test("events that share a UID without being a series are all there", () => {
  const bins = [22, 23, 24].map((day) => event("bins", `DTSTART;VALUE=DATE:202607${day}`));
  assert.equal(on("2026-07-20", 7, ...bins).length, 3);
});

test("an occurrence that is moved is there though the rest of its series is not", () => {
  const lone = event("lone", "RECURRENCE-ID:20260720T100000Z", "DTSTART:20260724T100000Z", "DURATION:PT1H");
  assert.deepEqual(on("2026-07-24", 1, lone), ["lone 2026-07-24T10:00Z–2026-07-24T11:00Z"]);
});

test("titles and places are one line, unescaped and cut; what is not to be read is not read", () => {
  const told = event(
    "told",
    "DTSTART:20260724T100000Z",
    "SUMMARY;LANGUAGE=en:Call\\, then\\nrest",
    "LOCATION:Room 2\\; " + "far away ".repeat(40),
    "DESCRIPTION:secret",
    ...["BEGIN:VALARM", "SUMMARY:not this", "TRIGGER:-PT5M", "END:VALARM"],
  ).replace("SUMMARY:told\r\n", "");
  const folded = told.replace("Call", "Ca\r\n ll");
  const { occurrences } = expandIcs([calendar(folded)], daysWindow("2026-07-24", 1, zone), 100);
  assert.equal(occurrences[0]?.title, "Call, then rest");
  assert.match(occurrences[0].location ?? "", /^Room 2; far away .*…$/);
  assert.equal(occurrences[0].location?.length, 200);
  assert.doesNotMatch(JSON.stringify(occurrences), /secret|not this/);
});

test("a damaged event is counted and spoils no other", () => {
  const good = event("good", "DTSTART:20260724T100000Z");
  const damaged = [
    event("twice", "DTSTART:20260724T100000Z", "DTSTART:20260724T110000Z"),
    event("rule", "DTSTART:20260724T100000Z", "RRULE:FREQ=SOMETIMES"),
    event("never", "DTSTART:20260724T100000Z", "RRULE:FREQ=DAILY;INTERVAL=0"),
    event("start", "DTSTART:soon"),
    event("none"),
    event("often", "DTSTART:20200101T000000Z", "RRULE:FREQ=SECONDLY"),
  ];
  const { occurrences, damaged: count } = expandIcs(
    [calendar(good, ...damaged)],
    daysWindow("2026-07-24", 1, zone),
    100,
  );
  assert.deepEqual([occurrences.length, count], [1, damaged.length]);
});

test("so many occurrences are returned as are asked for, the first of them, and the others are counted", () => {
  const hourly = event("hourly", "DTSTART:20200101T000000Z", "RRULE:FREQ=HOURLY");
  const { occurrences, more } = expandIcs([calendar(hourly)], daysWindow("2026-07-24", 1, zone), 10);
  assert.deepEqual([occurrences.length, more, occurrences[0]?.start], [10, 14, "2026-07-23T22:00:00.000Z"]);
});
