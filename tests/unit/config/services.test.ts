import assert from "node:assert/strict";
import { test } from "node:test";
import { load, valid } from "./support.ts";

const env = { FEEDS_TOKEN: "canary-feeds", DAV_PASSWORD: "canary-dav", PLANE_TOKEN: "canary-plane" };

test("services that the config has not set up are not there", (t) => {
  assert.deepEqual(load(t, valid).services, {
    ...{ alerts: undefined, calendar: undefined, feeds: undefined, tasks: undefined },
  });
});

test("services have their secrets resolved, and their times in milliseconds", (t) => {
  const { alerts, calendar, feeds, tasks } = load(
    t,
    `${valid}
[tools.alerts]
url = "http://am:9093/"
watch_minutes = 2
[tools.calendar.calendars.home]
url = "http://dav:5232"
user = "me"
password = { env = "DAV_PASSWORD" }
only = ["Family"]
[tools.calendar.calendars.bins]
url = "https://town.example/bins.ics"
kind = "ics"
[tools.feeds]
url = "http://miniflux:8080"
token = { env = "FEEDS_TOKEN" }
timeout_seconds = 7.5
[tools.tasks]
url = "http://plane"
token = { env = "PLANE_TOKEN" }
workspace = "home"
`,
    env,
  ).services;
  assert.deepEqual(alerts, {
    ...{ url: "http://am:9093", auth: undefined, timeoutMs: 20_000, watchMs: 120_000, maxAlerts: 100 },
  });
  assert.deepEqual(
    calendar?.calendars.map(({ name, kind, only, auth }) => [name, kind, only, auth?.kind]),
    [
      ["home", "caldav", ["Family"], "basic"],
      ["bins", "ics", [], undefined],
    ],
  );
  const auth = calendar?.calendars[0]?.auth;
  assert.ok(auth?.kind === "basic" && auth.user === "me" && auth.password.reveal() === "canary-dav");
  assert.deepEqual([feeds?.token.reveal(), feeds?.timeoutMs, feeds?.maxChars], ["canary-feeds", 7_500, 30_000]);
  assert.deepEqual([tasks?.kind, tasks?.token.reveal(), tasks?.projects], ["plane", "canary-plane", []]);
});

test("a token is shown as bearer, unless there is a user", (t) => {
  const { alerts } = load(
    t,
    `${valid}\n[tools.alerts]\nurl = "http://am:9093"\ntoken = { env = "FEEDS_TOKEN" }\n`,
    env,
  ).services;
  assert.ok(alerts?.auth?.kind === "bearer" && alerts.auth.token.reveal() === "canary-feeds");
});

test("what a service is told wrong is named with its key, and no secret is repeated", (t) => {
  assert.throws(
    () => load(t, `${valid}\n[tools.feeds]\nurl = "http://me:canary@miniflux"\ntoken = "canary"\n`),
    (thrown: Error) =>
      /tools\.feeds\.url: /.test(thrown.message) &&
      /tools\.feeds\.token: /.test(thrown.message) &&
      !thrown.message.includes("canary"),
  );
});
