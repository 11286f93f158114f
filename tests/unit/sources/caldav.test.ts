import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { findCalendars, queryCalendar } from "../../../lib/sources/caldav.ts";
import { daysWindow } from "../../../lib/sources/calendar.ts";
import type { Service } from "../../../lib/sources/service.ts";
import { calendar, event } from "./ics.ts";
import { type Served, serve } from "./serve.ts";

const { signal } = new AbortController();
const service = (url: string): Service => ({
  title: 'Calendar "home"',
  key: "tools.calendar.calendars.home",
  url,
  timeoutMs: 5_000,
  headers: { authorization: "Basic right" },
});

const answerOf = (href: string, ...props: string[]): string =>
  `<d:response><d:href>${href}</d:href><d:propstat><d:prop>${props.join("")}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>` +
  `<d:propstat><d:prop><c:calendar-home-set/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>`;
const folder = "<d:resourcetype><d:collection/></d:resourcetype>";
const home = (href: string): string => `<c:calendar-home-set><d:href>${href}</d:href></c:calendar-home-set>`;
const principal = (href: string): string =>
  `<d:current-user-principal><d:href>${href}</d:href></d:current-user-principal>`;
const cal = (name: string, component = "VEVENT"): string =>
  `<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><d:displayname>${name}</d:displayname>` +
  `<c:supported-calendar-component-set><c:comp name="${component}"/></c:supported-calendar-component-set>`;

/** As Nextcloud's sabre/dav lays things out: by `DEPTH PATH`, what is answered; all else is a 404. */
async function nextcloud(t: TestContext, more: Record<string, string> = {}): Promise<Served> {
  const calendars = [
    answerOf("/dav/calendars/me/", folder),
    answerOf("/dav/calendars/me/personal/", cal("Personal &amp; more")),
    answerOf("/dav/calendars/me/2026/", cal("2026")),
    answerOf("/dav/calendars/me/tasks/", cal("Tasks", "VTODO")),
    answerOf("/dav/calendars/me/inbox/", folder),
  ];
  const pages: Record<string, string> = {
    "0 /dav/": answerOf("/dav/", folder, principal("/dav/principals/users/me/")),
    "1 /dav/": answerOf("/dav/", folder) + answerOf("/dav/calendars/", folder),
    "0 /dav/principals/users/me/": answerOf("/dav/principals/users/me/", folder, home("/dav/calendars/me/")),
    "0 /dav/calendars/me/": answerOf("/dav/calendars/me/", folder, principal("/dav/principals/users/me/")),
    "1 /dav/calendars/me/": calendars.join(""),
    "0 /dav/calendars/me/personal/": answerOf("/dav/calendars/me/personal/", cal("Personal")),
    ...more,
  };
  const served = await serve(({ path, headers }, response) => {
    if (headers.authorization !== "Basic right") return void response.writeHead(401).end();
    if (path === "/.well-known/caldav") return void response.writeHead(301, { location: "/dav/" }).end();
    const page = pages[`${String(headers["depth"])} ${path}`];
    if (page === undefined) return void response.writeHead(404).end();
    const body = `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">${page}</d:multistatus>`;
    response.writeHead(207, { "content-type": "application/xml; charset=utf-8" }).end(body);
  });
  t.after(() => served.stop());
  return served;
}

const namesAt = async (url: string): Promise<string[]> =>
  (await findCalendars(service(url), signal)).map(({ name }) => name);

test("an account's calendars are found from the server, its DAV folder and the folder of calendars, those of tasks left out", async (t) => {
  const { url } = await nextcloud(t);
  for (const path of ["", "/dav", "/dav/calendars/me"])
    assert.deepEqual(await namesAt(url + path), ["Personal & more", "2026"], path);
});

test("the address of one calendar is that calendar", async (t) => {
  const { url } = await nextcloud(t);
  assert.deepEqual(await findCalendars(service(`${url}/dav/calendars/me/personal`), signal), [
    { name: "Personal", url: `${url}/dav/calendars/me/personal/` },
  ]);
});

test("a calendar without a name has that of its address", async (t) => {
  const { url } = await nextcloud(t, { "0 /dav/calendars/me/personal/": answerOf("/x/my%20cal/", cal("")) });
  assert.deepEqual(await namesAt(`${url}/dav/calendars/me/personal`), ["my cal"]);
});

test("the credentials are given to no other server than the one that is configured", async (t) => {
  const stranger = await nextcloud(t);
  const served = await nextcloud(t, {
    "0 /dav/principals/users/me/": answerOf(
      "/dav/principals/users/me/",
      folder,
      home(`${stranger.url}/dav/calendars/me/`),
    ),
  });
  await assert.rejects(namesAt(`${served.url}/dav`), {
    code: "fetch_failed",
    message: `Calendar "home" leads to ${stranger.url}: put an address there into tools.calendar.calendars.home.url`,
  });
  assert.deepEqual(stranger.asked, []);
});

test("what is no CalDAV server, has no calendars or refuses the password is told with the setting", async (t) => {
  const page = await serve((_asked, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>"),
  );
  t.after(() => page.stop());
  await assert.rejects(namesAt(page.url), {
    code: "not_found",
    message: /Calendar "home" is no CalDAV server: check tools\.calendar\.calendars\.home\.url/,
  });
  const empty = await nextcloud(t, { "1 /dav/calendars/me/": answerOf("/dav/calendars/me/", folder) });
  await assert.rejects(namesAt(`${empty.url}/dav`), { code: "not_found", message: /has no calendars: check/ });
  const { url } = await nextcloud(t);
  await assert.rejects(findCalendars({ ...service(`${url}/dav`), headers: {} }, signal), {
    code: "unauthorized",
    message: /answered 401: it refuses the credentials in tools\.calendar\.calendars\.home;/,
  });
});

test("a calendar is asked for the events of the days and a margin, and gives each whole", async (t) => {
  const ics = calendar(event("one", "DTSTART:20260724T100000Z", "SUMMARY:A & B"));
  const data = (text: string): string => `<c:calendar-data>${text}</c:calendar-data>`;
  const { url, asked } = await nextcloud(t, {
    "1 /cal/":
      answerOf("/cal/1.ics", data(ics.replaceAll("&", "&amp;"))) +
      answerOf("/cal/2", data(`<![CDATA[${ics}]]>`)) +
      answerOf("/cal/3.ics"),
  });
  const window = daysWindow("2026-07-24", 1, "Europe/Berlin");
  const texts = await queryCalendar(service(url), { name: "x", url: `${url}/cal/` }, window, signal);
  assert.equal(texts.length, 2);
  for (const text of texts) assert.match(text, /SUMMARY:A & B/);
  assert.equal(asked[0]?.method, "REPORT");
  assert.match(asked[0].body, /<c:time-range start="20260723T080000Z" end="20260725T120000Z"\/>/);
});

test("a calendar that cannot be listed is told without what its server said", async (t) => {
  const { url } = await nextcloud(t, {
    "1 /cal/": "<d:response><d:href>/cal/</d:href><d:status>HTTP/1.1 507 secret</d:status></d:response>",
  });
  const window = daysWindow("2026-07-24", 1, "Europe/Berlin");
  await assert.rejects(queryCalendar(service(url), { name: "x", url: `${url}/cal/` }, window, signal), {
    code: "fetch_failed",
    message: 'Calendar "home" could not list its events: see its own log',
  });
});

test("a calendar whose address is none, or no text, spoils no other and cannot be read", async (t) => {
  const odd = ["https://[", "/dav/calendars/me/%E0%A4%A/", "//"].map((href) => answerOf(href, cal(href)));
  const unnamed = answerOf("/dav/calendars/me/%FF/", cal(""));
  const found = odd.join("") + unnamed + answerOf("/dav/calendars/me/personal/", cal("Personal"));
  const served = await nextcloud(t, { "1 /dav/calendars/me/": found });
  const calendars = await findCalendars(service(`${served.url}/dav`), signal);
  assert.ok(calendars.some(({ name }) => name === "Personal"));
  const broken = calendars.find(({ url }) => !URL.canParse(url));
  assert.ok(broken);
  const window = daysWindow("2026-01-05", 1, "UTC");
  await assert.rejects(queryCalendar(service(`${served.url}/dav`), broken, window, signal), {
    name: "ClawError",
    code: "fetch_failed",
  });
});
