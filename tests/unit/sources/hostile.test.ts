/** Services that answer nonsense, much of it, or without end: told as such, and nobody else waits for it. */
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "../../../lib/config/secret.ts";
import { listAlerts } from "../../../lib/sources/alertmanager.ts";
import { daysWindow, readAgenda } from "../../../lib/sources/calendar.ts";
import { expandInWorker } from "../../../lib/sources/ics.ts";
import { findEntries } from "../../../lib/sources/miniflux.ts";
import { createPlane } from "../../../lib/sources/plane.ts";
import { textOfHtml } from "../../../lib/sources/plain.ts";
import { ClawError } from "../../../lib/errors.ts";
import { calendar, event } from "./ics.ts";
import { type Served, serve } from "./serve.ts";

let served: Served;
let body = "";
let sent = 0;
before(async () => {
  served = await serve((_asked, response) => {
    sent = 0;
    response.writeHead(200, { "content-type": "application/json" });
    const write = (at: number): void => {
      if (at >= body.length || response.destroyed) return void response.end();
      const piece = body.slice(at, at + 1_000_000);
      sent += piece.length;
      response.write(piece, () => write(at + piece.length));
    };
    write(0);
  });
});
after(() => served.stop());

const { signal } = new AbortController();
const window = daysWindow("2026-07-20", 31, "Europe/Berlin");
const token = new Secret("canary-token");
/** How each source is read, as what it says. */
const sources: Record<string, () => Promise<unknown>> = {
  Alertmanager: () =>
    listAlerts({ url: served.url, auth: undefined, timeoutMs: 20_000, watchMs: 300_000, maxAlerts: 100 }, signal),
  Miniflux: () =>
    findEntries(
      { url: served.url, token, timeoutMs: 20_000, maxEntries: 100, maxChars: 30_000 },
      { unread: true, limit: 100 },
      signal,
    ),
  Plane: () =>
    createPlane({
      ...{ kind: "plane", url: served.url, token, workspace: "home" },
      ...{ projects: [], timeoutMs: 20_000, maxTasks: 100 },
    }).mine({ signal, now: () => new Date(), until: new Date(Date.now() + 20_000) }),
  "a calendar": () =>
    readAgenda(
      {
        calendars: [{ name: "home", kind: "ics", url: served.url, auth: undefined, only: [] }],
        ...{ timeoutMs: 20_000, maxEvents: 100 },
      } as never,
      window,
      signal,
    ),
};

/** So long nobody else may wait; a busy machine takes a few times as long as usual. */
const most = 3_000;

async function told(read: () => Promise<unknown>): Promise<unknown> {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  try {
    return await read().catch((thrown: unknown) => {
      assert.ok(thrown instanceof ClawError, thrown instanceof Error ? thrown.stack : String(thrown));
      assert.doesNotMatch(thrown.message, /canary/);
      return thrown;
    });
  } finally {
    // A stretch is counted once it is over.
    await sleep(30);
    delay.disable();
    assert.ok(delay.max / 1e6 < most, `${Math.round(delay.max / 1e6)} ms`);
  }
}

const many = (element: string, count: number): string => `${`${element},`.repeat(count - 1)}${element}`;
const alert = '{"fingerprint":"f","startsAt":"2026-01-01T00:00:00Z","labels":{"a":"b"}';
const bodies: Record<string, string> = {
  nothing: "",
  "no JSON": "<html>",
  null: "null",
  "a number": "7",
  "lists in lists": "[".repeat(100_000) + "]".repeat(100_000),
  "a million numbers": `[${many("0", 4_000_000)}]`,
  "a million empty objects": `[${many("{}", 2_700_000)}]`,
  "a million entries": `{"total":1,"entries":[${many("0", 3_900_000)}]}`,
  "a million results": `{"results":[${many("{}", 2_600_000)}],"id":"me"}`,
  "a total that is none": '{"total":-1e300,"entries":[null,{"id":"__proto__"}]}',
  "alerts with names of a prototype": `[{"fingerprint":"f","startsAt":"2026-01-01T00:00:00Z","labels":{"__proto__":"x","constructor":"y"}}]`,
  "alerts of any time": `[${alert},"endsAt":"+275760-09-13T00:00:00Z"},${alert},"endsAt":"soon"},${alert},"endsAt":7}]`,
  "alerts with deep parts": `[${alert},"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}]`,
};
for (const [source, read] of Object.entries(sources))
  describe(source, () => {
    for (const [what, text] of Object.entries(bodies))
      test(`${what} is told, or read as far as it goes`, async () => {
        body = text;
        await told(read);
      });

    test("an answer of 50 MB is not read to its end", async () => {
      body = source === "a calendar" ? `BEGIN:VCALENDAR\r\n${"x".repeat(50_000_000)}` : `[${many("0", 25_000_000)}]`;
      assert.match(String(await told(read)), /larger than/);
      assert.ok(sent < 25_000_000, `${sent} characters were sent`);
    });
  });

test("of too many alerts the rest is counted as not read", async () => {
  body = `[${many(`${alert}}`, 30_000)}]`;
  const found = (await told(sources["Alertmanager"]!)) as Awaited<ReturnType<typeof listAlerts>>;
  assert.deepEqual([found.alerts.length, found.damaged], [20_000, 10_000]);
});

test("a server that gives more entries than were asked for is read as far as was asked", async () => {
  const entry = '{"id":1,"title":"a","published_at":"2026-01-01T00:00:00Z"}';
  body = `{"total":5000,"entries":[${many(entry, 5_000)}]}`;
  const found = (await told(sources["Miniflux"]!)) as Awaited<ReturnType<typeof findEntries>>;
  assert.deepEqual([found.entries.length, found.damaged, found.total], [100, 0, 5_000]);
});

const at = "DTSTART:20260724T100000Z";
const ics: Record<string, readonly string[]> = {
  "a series without end": [event("a", "DTSTART:00010101T000000Z", "RRULE:FREQ=SECONDLY")],
  "a series of very many": [event("a", at, "RRULE:FREQ=DAILY;COUNT=999999999999")],
  "a series that never happens": [event("a", at, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")],
  "an interval of nothing": [event("a", at, "RRULE:FREQ=DAILY;INTERVAL=0")],
  "the year 9999": [event("a", "DTSTART:99991231T235959Z"), event("b", at, "RRULE:FREQ=YEARLY;UNTIL=99991231T000000Z")],
  "a duration below nothing": [event("a", at, "DURATION:-P1D")],
  "a duration beyond measure": [event("a", at, "DURATION:P99999999999999999999D")],
  "an end before the start": [event("a", at, "DTEND:20200101T000000Z")],
  "an event that is not ended": [`BEGIN:VEVENT\r\nUID:${"y".repeat(3_000_000)}`],
  "an event that was not begun": ["END:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR"],
  "a line folded a million times": [
    `BEGIN:VEVENT\r\nUID:f\r\nSUMMARY:a${"\r\n b".repeat(1_000_000)}\r\n${at}\r\nEND:VEVENT`,
  ],
  "very many events of nothing": ["BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(200_000)],
  "a quote that is not closed": [event("q", `DTSTART;X="${"a".repeat(3_000_000)}`)],
  "dates that are none": [event("n", "DTSTART:"), event("m", "DTSTART:garbage"), event("o")],
  "ids of a prototype": [event("__proto__", at), event("constructor", at, "RRULE:FREQ=DAILY")],
};
for (const [what, components] of Object.entries(ics))
  test(`in a calendar, ${what} spoils no other event`, async () => {
    const { occurrences } = await expandInWorker([calendar(event("good", at), ...components)], window, signal);
    assert.ok(occurrences.some(({ title }) => title === "good"));
  });

test("a calendar of 100,000 events is read as far as its limit", async () => {
  const events = Array.from({ length: 100_000 }, (_, index) => event(`u${index}`, at));
  const { occurrences, more } = await expandInWorker([calendar(...events)], window, signal, {
    ms: 60_000,
    megabytes: 256,
  });
  assert.equal(occurrences.length + more, 100_000);
});

const html: Record<string, string> = {
  "tags in tags": "<div>".repeat(100_000),
  "an attribute without end": `<a href="${"x".repeat(5_000_000)}`,
  "entities without end": "&amp".repeat(1_000_000),
  "very many attributes": `<p ${Array.from({ length: 200_000 }, (_, index) => `a${index}=1`).join(" ")}>`,
  "a comment that is not closed": `<!--${"-".repeat(3_000_000)}`,
  "very many ends": "</div>".repeat(300_000),
};
for (const [what, text] of Object.entries(html))
  test(`an entry's body of ${what} is read in good time`, async () => {
    assert.equal(typeof (await told(() => textOfHtml(text, "https://a.example/"))), "string");
  });
