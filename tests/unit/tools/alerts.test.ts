import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AlertsService, Services } from "../../../lib/config/services.ts";
import type { Alert, AlertsLook } from "../../../lib/sources/alertmanager.ts";
import { type AlertsData, type AlertsSeen, alertsTool, type LookedAt } from "../../../lib/tools/alerts.ts";
import { factsOf } from "../../../lib/tools/facts.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { serve } from "../sources/serve.ts";
import { testContext } from "./support.ts";

const wire = (name: string, severity: string, startsAt: string, more: object = {}): object => ({
  fingerprint: `f-${name}`,
  startsAt,
  endsAt: "2026-07-24T09:00:00Z",
  labels: { alertname: name, severity, instance: "nas:9100" },
  annotations: { summary: `${name} is wrong` },
  status: { state: "active" },
  ...more,
});
const firing = [
  wire("DiskFull", "warning", "2026-07-23T20:14:00Z"),
  wire("HostDown", "critical", "2026-07-24T05:58:00Z"),
  wire("Known", "critical", "2026-07-20T05:58:00Z", { status: { state: "suppressed" } }),
  wire("Odd", "", "2026-07-24T01:00:00Z", { labels: { alertname: "Odd" }, annotations: {} }),
];
const past = (name: string, startsAt: string, endsAt: string, more: Partial<Alert> = {}): Alert => ({
  ...{
    fingerprint: name,
    name,
    severity: "critical",
    startsAt,
    endsAt,
    summary: "It was",
    labels: {},
    silenced: false,
  },
  ...more,
});

/** The tool over a server with these alerts, and what it kept; what has ended is as told. */
async function setUp(
  t: TestContext,
  alerts: readonly unknown[],
  ended: readonly Alert[] = [],
  knownFrom?: Date,
  maxAlerts = 100,
) {
  const served = await serve((_asked, response) => response.end(JSON.stringify(alerts)));
  t.after(() => served.stop());
  const service: AlertsService = { url: served.url, auth: undefined, timeoutMs: 5_000, watchMs: 300_000, maxAlerts };
  const kept: [AlertsLook, LookedAt][] = [];
  const seen: AlertsSeen = {
    record: async (...given) => void kept.push(given),
    endedSince: async () => ({ ended, knownFrom }),
  };
  const services: Services = { alerts: service, calendar: undefined, feeds: undefined, tasks: undefined };
  const tool = alertsTool(() => services, seen);
  const now = (): Date => new Date("2026-07-24T06:00:00Z");
  const list = async (input: object = {}): Promise<{ text: string; data: AlertsData }> =>
    (await runGrantedWhole(tool, input, testContext({ now }))) as { text: string; data: AlertsData };
  return { tool, list, kept, now };
}

test("alerts_list shows what fires, the gravest first, since when in the person's time zone", async (t) => {
  const { list } = await setUp(t, firing);
  const { text, data } = await list();
  assert.equal(
    text,
    [
      "3 alerts (1 critical, 1 warning, 1 without severity):",
      "- [critical] HostDown nas:9100: HostDown is wrong, since Fri 24 Jul 07:58",
      "- [warning] DiskFull nas:9100: DiskFull is wrong, since Thu 23 Jul 22:14",
      "- Odd, since Fri 24 Jul 03:00",
    ].join("\n"),
  );
  assert.deepEqual(
    data.firing.map(({ name }) => name),
    ["HostDown", "DiskFull", "Odd"],
  );
  assert.deepEqual(data.ended, []);
});

test("alerts_list shows silenced ones, all of them and those of one severity when asked", async (t) => {
  const { list } = await setUp(t, firing);
  const { text: silenced } = await list({ state: "silenced" });
  assert.match(silenced, /^1 silenced alert \(1 critical\):\n- \[critical\] Known nas:9100 \(silenced\): /);
  const { text: all } = await list({ state: "all" });
  assert.match(all, /^4 alerts \(2 critical, 1 warning, 1 without severity; 1 of them silenced\):/);
  const { data } = await list({ severity: "Warning" });
  assert.deepEqual(
    data.firing.map(({ name }) => name),
    ["DiskFull"],
  );
});

test("alerts_list says that nothing fires", async (t) => {
  const { list } = await setUp(t, [firing[2]]);
  assert.equal((await list()).text, "No alerts fire.");
  assert.equal((await (await setUp(t, [])).list({ state: "silenced" })).text, "No silenced alerts.");
  assert.equal((await list({ severity: "page" })).text, "No page alerts fire.");
});

test("alerts_list shows what has ended since, from when to when, and before when nothing is known", async (t) => {
  const ended = [
    past("HostDown", "2026-07-23T22:30:00Z", "2026-07-24T01:00:00Z"),
    past("Known", "2026-07-23T22:30:00Z", "2026-07-24T00:30:00Z", { silenced: true }),
    past("DiskFull", "2026-07-23T20:00:00Z", "2026-07-23T22:10:00Z", { severity: "warning" }),
  ];
  const since = { since: "2026-07-23T08:00:00+02:00" };
  const { list } = await setUp(t, [], ended, new Date("2026-07-23T12:00:00Z"));
  const { text, data } = await list(since);
  assert.equal(
    text,
    [
      "No alerts fire.",
      "",
      "Ended since Thu 23 Jul 08:00:",
      "- [critical] HostDown: It was, Fri 24 Jul 00:30–03:00",
      "- [warning] DiskFull: It was, Thu 23 Jul 22:00–Fri 24 Jul 00:10",
      "What came and went before Thu 23 Jul 14:00 is not known: nobody watched.",
    ].join("\n"),
  );
  assert.deepEqual(data.ended, [ended[0], ended[2]]);
  const quiet = await setUp(t, [], [], new Date("2026-07-01T12:00:00Z"));
  assert.equal((await quiet.list(since)).text, "No alerts fire.\n\nNone ended since Thu 23 Jul 08:00.");
});

test("alerts_list keeps what it saw, silenced or not, with when it began to look", async (t) => {
  const { list, kept, now } = await setUp(t, firing);
  await list({ severity: "warning" });
  assert.equal(kept.length, 1);
  assert.equal(kept[0]?.[0].alerts.length, 4);
  assert.deepEqual(kept[0][1], { at: now(), patienceMs: 905_000 });
});

test("alerts_list shows not more than may be, and counts the rest and what it could not read", async (t) => {
  const { list } = await setUp(t, [...firing, { fingerprint: "x" }], [], undefined, 1);
  const { text, data } = await list();
  assert.match(text, /^3 alerts .*\n- \[critical\] HostDown .*\n… and 2 more\.\n1 more could not be read\.$/);
  assert.equal(data.firing.length, 1);
});

test("alerts_list is private, its words are strangers', and its schema is small", async (t) => {
  const { tool } = await setUp(t, []);
  const { labels, effect, service } = tool;
  assert.deepEqual([labels, effect, service], [["untrusted", "private"], "idempotent", "alerts"]);
  assert.deepEqual(factsOf(tool).arguments, ["state", "severity", "since"]);
  for (const input of [{ since: "yesterday" }, { state: "gone" }, { silence: true }])
    assert.throws(() => tool.input.parse(input), JSON.stringify(input));
});
