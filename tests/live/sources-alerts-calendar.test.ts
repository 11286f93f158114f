import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CalendarSource, Services } from "../../lib/config/services.ts";
import { Secret } from "../../lib/config/secret.ts";
import { type DrizzlePool, openDrizzle } from "../../lib/db/drizzle.ts";
import { createAlertsSeen } from "../../lib/ledger/alerts-seen.ts";
import { createKeyring, newKey } from "../../lib/seal.ts";
import { type AlertsData, alertsTool } from "../../lib/tools/alerts.ts";
import { type CalendarData, calendarTool } from "../../lib/tools/calendar.ts";
import type { Tool } from "../../lib/tools/define.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { runGrantedWhole } from "../support/granted.ts";
import { calendar, event } from "../unit/sources/ics.ts";
import { testContext } from "../unit/tools/support.ts";
import { type Alertmanager, startAlertmanager } from "./support/alertmanager.ts";
import { poll } from "./support/poll.ts";
import { type Radicale, startRadicale } from "./support/radicale.ts";

const none: Services = { alerts: undefined, calendar: undefined, feeds: undefined, tasks: undefined };

/** Calls a tool now, in Berlin. */
async function call<Data>(tool: Tool, input: object): Promise<{ text: string; data: Data }> {
  const { text, data } = await runGrantedWhole(tool, input, testContext({ now: () => new Date() }));
  return { text, data: data as Data };
}

describe("a real Alertmanager", () => {
  let database: TestDatabase;
  let pool: DrizzlePool;
  let alertmanager: Alertmanager | undefined;
  let tool: Tool;
  const from = new Date(Date.now() - 3_600_000).toISOString();

  before(async () => {
    alertmanager = await startAlertmanager();
    database = await createTestDatabase();
    pool = openDrizzle(database.url);
    const { url } = alertmanager;
    tool = alertsTool(
      () => ({ ...none, alerts: { url, auth: undefined, timeoutMs: 5_000, watchMs: 60_000, maxAlerts: 100 } }),
      createAlertsSeen(pool.database, createKeyring(newKey()).bodies),
    );
    await alertmanager.post(
      {
        labels: { alertname: "HostDown", severity: "critical", instance: "nas:9100" },
        annotations: { summary: "The NAS is down" },
        startsAt: from,
      },
      { labels: { alertname: "DiskFull", severity: "warning", instance: "nas:9100" }, startsAt: from },
      { labels: { alertname: "Known", severity: "critical", instance: "old:9100" }, startsAt: from },
    );
    await alertmanager.silence("Known");
  });
  after(async () => {
    await alertmanager?.stop();
    await pool.end();
    await database.drop();
  });

  const namesOf = ({ firing }: AlertsData): string[] => firing.map(({ name }) => name);

  test("what fires and what is silenced is told apart", async () => {
    // It puts alerts in and silences them in its own time.
    const { text, data } = await poll("three alerts, one of them silenced", async () => {
      const all = await call<AlertsData>(tool, { state: "all" });
      return all.data.firing.length === 3 && all.data.firing.some(({ silenced }) => silenced) ? all : undefined;
    });
    assert.deepEqual(namesOf(data), ["HostDown", "Known", "DiskFull"]);
    assert.match(text, /- \[critical\] HostDown nas:9100: The NAS is down, since /);
    assert.match(text, /- \[critical\] Known old:9100 \(silenced\), since /);
    assert.deepEqual(namesOf((await call<AlertsData>(tool, {})).data), ["HostDown", "DiskFull"]);
    assert.deepEqual(namesOf((await call<AlertsData>(tool, { state: "silenced" })).data), ["Known"]);
  });

  test("an alert that was resolved between two looks has ended since", async () => {
    const labels = { alertname: "HostDown", severity: "critical", instance: "nas:9100" };
    await alertmanager?.post({ labels, startsAt: from, endsAt: new Date(Date.now() - 1_000).toISOString() });
    const { text, data } = await poll("an alert that has ended", async () => {
      const since = await call<AlertsData>(tool, { since: from });
      return since.data.ended.length > 0 ? since : undefined;
    });
    assert.deepEqual(namesOf(data), ["DiskFull"]);
    assert.deepEqual(
      data.ended.map(({ name, summary }) => [name, summary]),
      [["HostDown", "The NAS is down"]],
    );
    assert.match(
      text,
      /\n\nEnded since .*:\n- \[critical\] HostDown nas:9100: The NAS is down, .*–.*\nWhat came and went before /,
    );
  });

  test("one that is gone is told as such, and nothing is taken for ended by it", async () => {
    const { length } = (await call<AlertsData>(tool, { since: from })).data.ended;
    const seen = createAlertsSeen(pool.database, createKeyring(newKey()).bodies);
    const url = `http://127.0.0.1:${await freePort()}`;
    const away = alertsTool(
      () => ({ ...none, alerts: { url, auth: undefined, timeoutMs: 5_000, watchMs: 60_000, maxAlerts: 100 } }),
      seen,
    );
    await assert.rejects(call(away, { since: from }), { message: /Alertmanager did not answer .* tools\.alerts\.url/ });
    assert.equal((await call<AlertsData>(tool, { since: from })).data.ended.length, length);
  });
});

describe("a real CalDAV server", () => {
  const zone = "Europe/Berlin";
  let radicale: Radicale | undefined;

  before(async () => {
    radicale = await startRadicale();
    const server = radicale;
    await server.makeCalendar("family", "Family");
    await server.makeCalendar("work", "Work");
    const put = (slug: string, name: string, ...events: string[]): Promise<void> =>
      server.put(slug, name, calendar(...events));
    const at = (day: string, time: string): string => `TZID=${zone}:2026${day}T${time}00`;
    await put("family", "birthday", event("Birthday", "DTSTART;VALUE=DATE:19800329", "RRULE:FREQ=YEARLY"));
    await put("family", "trip", event("Trip", "DTSTART;VALUE=DATE:20260328", "DTEND;VALUE=DATE:20260331"));
    await put("family", "floating", event("Floating", "DTSTART:20260329T120000", "DURATION:PT1H"));
    await put("family", "alarm", event("Alarm", "DTSTART:20260301T070000", "RRULE:FREQ=DAILY", "DURATION:PT5M"));
    await put(
      "work",
      "standup",
      event(
        "Standup",
        `DTSTART;${at("0302", "0900")}`,
        `DTEND;${at("0302", "0930")}`,
        "RRULE:FREQ=DAILY",
        `EXDATE;${at("0331", "0900")}`,
      ),
      event(
        "Standup",
        `RECURRENCE-ID;${at("0330", "0900")}`,
        `DTSTART;${at("0330", "1400")}`,
        "DURATION:PT15M",
      ).replace("SUMMARY:Standup", "SUMMARY:Standup later"),
      event("Standup", `RECURRENCE-ID;${at("0401", "0900")}`, `DTSTART;${at("0401", "0900")}`, "STATUS:CANCELLED"),
      event("Standup", `RECURRENCE-ID;${at("0410", "0900")}`, `DTSTART;${at("0331", "1600")}`, "DURATION:PT15M"),
    );
    await put("work", "extra", event("Extra", "DTSTART:20260301T080000Z", "DURATION:PT1H", "RDATE:20260329T100000Z"));
  });
  after(() => radicale?.stop());

  function toolOf(...sources: Partial<CalendarSource>[]): Tool {
    const { url = "", user = "", password = "" } = radicale ?? {};
    const calendars = sources.map((source, index): CalendarSource => ({
      name: `home-${index + 1}`,
      kind: "caldav",
      url,
      auth: { kind: "basic", user, password: new Secret(password) },
      only: [],
      ...source,
    }));
    return calendarTool(() => ({ ...none, calendar: { calendars, timeoutMs: 10_000, maxEvents: 100 } }));
  }

  test("the day on which the clocks go forward is shown with series, whole days and floating times of both calendars", async () => {
    const { text } = await call(toolOf({}), { from: "2026-03-29" });
    assert.equal(
      text,
      [
        "Sun 29 Mar:",
        "- all day, since Sat 28 Mar until Mon 30 Mar: Trip [Family]",
        "- all day: Birthday [Family]",
        "- 07:00–07:05 Alarm [Family]",
        "- 09:00–09:30 Standup [Work]",
        "- 12:00–13:00 Extra [Work]",
        "- 12:00–13:00 Floating [Family]",
      ].join("\n"),
    );
  });

  test("occurrences that are moved, left out and cancelled are where they were put, or nowhere", async () => {
    const { text } = await call(toolOf({ only: ["Work"] }), { from: "2026-03-30", days: 4 });
    assert.equal(
      text,
      [
        "Mon 30 Mar:",
        "- 14:00–14:15 Standup later",
        "",
        "Tue 31 Mar:",
        "- 16:00–16:15 Standup",
        "",
        "Thu 2 Apr:",
        "- 09:00–09:30 Standup",
      ].join("\n"),
    );
  });

  test("calendars are found from the server, the account and their own address", async () => {
    const url = radicale?.url ?? "";
    for (const [path, names] of [
      ["", ["Family", "Work"]],
      ["/me", ["Family", "Work"]],
      ["/me/work", ["home-1"]],
    ] as const) {
      const { data } = await call<CalendarData>(toolOf({ url: url + path }), { from: "2026-03-29" });
      assert.deepEqual([...new Set(data.events.map((found) => found.calendar))].sort(), names, path);
    }
  });

  test("a wrong password, a calendar that is not there and a server that is down are told, and the rest is shown", async () => {
    const wrong = { kind: "basic", user: "me", password: new Secret("wrong") } as const;
    const down = `http://127.0.0.1:${await freePort()}`;
    const { text, data } = await call<CalendarData>(
      toolOf({ only: ["Family", "Garden"] }, { auth: wrong }, { url: down }),
      { from: "2026-03-29" },
    );
    assert.match(text, /^Sun 29 Mar:\n- all day, since Sat 28 Mar until Mon 30 Mar: Trip \[Family\]\n/);
    assert.deepEqual(
      data.failed.map(({ calendar: name }) => name),
      ["Garden", "home-2", "home-3"],
    );
    const [garden, refused, gone] = data.failed.map(({ reason }) => reason);
    assert.match(
      garden ?? "",
      /has none named "Garden" but .*"Family".*: correct tools\.calendar\.calendars\.home-1\.only/,
    );
    assert.match(refused ?? "", /answered 401: it refuses the credentials in tools\.calendar\.calendars\.home-2;/);
    assert.match(
      gone ?? "",
      /did not answer \(ECONNREFUSED\): is it running, and is tools\.calendar\.calendars\.home-3\.url right\?/,
    );
    for (const reason of [garden, refused, gone]) assert.ok(text.includes(`Not read: ${reason}`));
  });
});
