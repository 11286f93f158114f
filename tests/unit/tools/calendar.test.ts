import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CalendarSource, Services } from "../../../lib/config/services.ts";
import { type CalendarData, calendarTool } from "../../../lib/tools/calendar.ts";
import { factsOf } from "../../../lib/tools/facts.ts";
import { freePort } from "../../support/free-port.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { calendar, event } from "../sources/ics.ts";
import { serve } from "../sources/serve.ts";
import { testContext } from "./support.ts";

const files: Record<string, string> = {
  "/secret-7f3a/family.ics": calendar(
    event("Holiday", "DTSTART;VALUE=DATE:20260722", "DTEND;VALUE=DATE:20260726"),
    event(
      "Standup",
      "DTSTART;TZID=Europe/Berlin:20260720T090000",
      "DURATION:PT30M",
      "RRULE:FREQ=DAILY",
      "LOCATION:Room 2",
    ),
    event("Night shift", "DTSTART:20260723T200000Z", "DTEND:20260724T040000Z"),
    event("Reminder", "DTSTART:20260724T100000Z"),
    event("Party", "DTSTART:20260725T190000Z", "DTEND:20260726T010000Z"),
  ),
  "/work.ics": calendar(event("Review", "DTSTART:20260724T080000Z", "DURATION:PT1H")),
  "/bad.ics": calendar(event("Bad", "DTSTART:soon"), event("Good", "DTSTART:20260724T080000Z")),
  "/none.ics": "<html>Please log in</html>",
};

/** The tool over ICS files of one server, by the names and paths given. */
async function setUp(t: TestContext, paths: Record<string, string>, maxEvents = 100) {
  const served = await serve(({ path }, response) => {
    const file = files[path];
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "text/calendar" }).end(file);
  });
  t.after(() => served.stop());
  const calendars = Object.entries(paths).map(([name, path]): CalendarSource => {
    return { name, kind: "ics", url: path.startsWith("/") ? served.url + path : path, auth: undefined, only: [] };
  });
  const services: Services = {
    ...{ alerts: undefined, feeds: undefined, tasks: undefined },
    calendar: { calendars, timeoutMs: 5_000, maxEvents },
  };
  const tool = calendarTool(() => services);
  const now = (): Date => new Date("2026-07-23T22:30:00Z");
  const agenda = async (input: object = {}): Promise<{ text: string; data: CalendarData }> =>
    (await runGrantedWhole(tool, input, testContext({ now }))) as { text: string; data: CalendarData };
  return { tool, agenda };
}

test("calendar_agenda shows today as it is in the person's time zone, whole days first, then by time", async (t) => {
  const { agenda } = await setUp(t, { family: "/secret-7f3a/family.ics" });
  const { text, data } = await agenda();
  assert.equal(
    text,
    [
      "Fri 24 Jul:",
      "- all day, since Wed 22 Jul until Sat 25 Jul: Holiday",
      "- Thu 23 Jul 22:00–Fri 24 Jul 06:00 Night shift",
      "- 09:00–09:30 Standup, Room 2",
      "- 12:00 Reminder",
    ].join("\n"),
  );
  assert.deepEqual(data.events[0], {
    ...{ calendar: "family", title: "Holiday", start: "2026-07-22", end: "2026-07-26", allDay: true },
  });
  assert.deepEqual(data.failed, []);
});

test("calendar_agenda groups several days, and names the calendars where there are several", async (t) => {
  const { agenda } = await setUp(t, { family: "/secret-7f3a/family.ics", work: "/work.ics" });
  const { text } = await agenda({ from: "2026-07-24", days: 3 });
  assert.match(text, /^Fri 24 Jul:\n/);
  assert.match(text, /\n- 10:00–11:00 Review \[work\]\n/);
  assert.match(
    text,
    /\n\nSat 25 Jul:\n- 09:00–09:30 Standup, Room 2 \[family\]\n- 21:00–Sun 26 Jul 03:00 Party \[family\]\n/,
  );
  assert.match(text, /\n\nSun 26 Jul:\n- 09:00–09:30 Standup, Room 2 \[family\]$/);
});

test("calendar_agenda says that there is nothing", async (t) => {
  const { agenda } = await setUp(t, { work: "/work.ics" });
  assert.equal((await agenda({ from: "2026-07-25" })).text, "No events on Sat 25 Jul.");
  assert.equal((await agenda({ from: "2026-07-25", days: 7 })).text, "No events from Sat 25 Jul to Fri 31 Jul.");
});

test("a calendar that is down is told with the setting to look at, and the others are shown; no address is told", async (t) => {
  const { agenda } = await setUp(t, {
    work: "/work.ics",
    down: `http://127.0.0.1:${await freePort()}/secret-token/x.ics`,
    gone: "/secret-gone.ics",
    page: "/none.ics",
  });
  const { text, data } = await agenda();
  assert.match(text, /^Fri 24 Jul:\n- 10:00–11:00 Review \[work\]\n/);
  assert.deepEqual(data.failed, [
    {
      calendar: "down",
      reason:
        'Calendar "down" did not answer (ECONNREFUSED): is it running, and is tools.calendar.calendars.down.url right?',
    },
    {
      calendar: "gone",
      reason: 'Calendar "gone" answered 404: there is nothing at this address; check tools.calendar.calendars.gone.url',
    },
    {
      calendar: "page",
      reason:
        'Calendar "page" answered with what is no ICS file: check tools.calendar.calendars.page.url and tools.calendar.calendars.page.kind',
    },
  ]);
  for (const { reason } of data.failed) assert.ok(text.includes(`Not read: ${reason}`));
  assert.doesNotMatch(JSON.stringify([text, data]), /secret|127\.0\.0\.1/);
});

test("where every calendar is down the call fails and names each", async (t) => {
  const { agenda } = await setUp(t, { one: "/secret-1.ics", two: "/secret-2.ics" });
  await assert.rejects(agenda(), (error: Error) => {
    assert.match(error.message, /^Calendar "one" answered 404: .*\nCalendar "two" answered 404: /);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("calendar_agenda counts what it could not read and what is past the limit", async (t) => {
  const { agenda } = await setUp(t, { family: "/secret-7f3a/family.ics", bad: "/bad.ics" }, 2);
  const { text, data } = await agenda();
  assert.match(text, /\n… and 3 more\.\n1 more could not be read\.$/);
  assert.equal(data.events.length, 2);
});

test("calendar_agenda is private, its words are strangers', and it takes a month at most", async (t) => {
  const { tool } = await setUp(t, {});
  const { labels, effect, service } = tool;
  assert.deepEqual([labels, effect, service], [["untrusted", "private"], "idempotent", "calendar"]);
  assert.deepEqual(factsOf(tool).arguments, ["from", "days"]);
  for (const input of [{ days: 32 }, { days: 0 }, { from: "tomorrow" }, { url: "http://evil.example" }])
    assert.throws(() => tool.input.parse(input), JSON.stringify(input));
});
