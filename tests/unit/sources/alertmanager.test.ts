import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AlertsService } from "../../../lib/config/services.ts";
import { Secret } from "../../../lib/config/secret.ts";
import { listAlerts } from "../../../lib/sources/alertmanager.ts";
import { freePort } from "../../support/free-port.ts";
import { type Served, serve } from "./serve.ts";

/** As Alertmanager 0.33.1 has it. */
const wire = (more: object = {}): Record<string, unknown> => ({
  annotations: { summary: "The NAS\n is down", runbook_url: "https://wiki.example/nas" },
  endsAt: "2026-07-24T06:05:00.000Z",
  fingerprint: "6f1b2a9c0d3e4f50",
  receivers: [{ name: "none" }],
  startsAt: "2026-07-24T05:58:00.123456789+02:00",
  status: { inhibitedBy: [], mutedBy: [], silencedBy: [], state: "active" },
  updatedAt: "2026-07-24T06:00:00.000Z",
  generatorURL: "http://prometheus.lan/graph?g0.expr=up",
  labels: { alertname: "HostDown", instance: "nas:9100", severity: "Critical" },
  ...more,
});

async function alertmanager(t: TestContext, body: unknown, status = 200): Promise<Served> {
  const served = await serve((_asked, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  t.after(() => served.stop());
  return served;
}

const service = (url: string, auth?: AlertsService["auth"]): AlertsService => ({
  ...{ url, auth, timeoutMs: 5_000, watchMs: 300_000, maxAlerts: 100 },
});
const signal = new AbortController().signal;

test("an alert is read with its name, severity, times, summary, labels and where it was raised", async (t) => {
  const { url } = await alertmanager(t, [wire()]);
  assert.deepEqual(await listAlerts(service(url), signal), {
    alerts: [
      {
        fingerprint: "6f1b2a9c0d3e4f50",
        name: "HostDown",
        severity: "critical",
        startsAt: "2026-07-24T03:58:00.123Z",
        endsAt: "2026-07-24T06:05:00.000Z",
        summary: "The NAS is down",
        labels: { alertname: "HostDown", instance: "nas:9100", severity: "Critical" },
        silenced: false,
        url: "http://prometheus.lan/graph?g0.expr=up",
      },
    ],
    damaged: 0,
  });
});

test("silenced and inhibited alerts are told from those that fire", async (t) => {
  const { url } = await alertmanager(t, [wire({ status: { state: "suppressed" } }), wire({ status: undefined })]);
  const { alerts } = await listAlerts(service(url), signal);
  assert.deepEqual(
    alerts.map(({ silenced }) => silenced),
    [true, false],
  );
});

test("Grafana's alerts are read under the path that is configured", async (t) => {
  const served = await alertmanager(t, [
    wire({ labels: { alertname: "DatasourceError" }, annotations: {}, generatorURL: "?" }),
  ]);
  const { alerts } = await listAlerts(service(`${served.url}/api/alertmanager/grafana`), signal);
  assert.equal(served.asked[0]?.path, "/api/alertmanager/grafana/api/v2/alerts");
  assert.deepEqual(
    [alerts[0]?.name, alerts[0]?.severity, alerts[0]?.summary, alerts[0]?.url],
    ["DatasourceError", "", "", undefined],
  );
});

test("a damaged alert is counted, and the others are read", async (t) => {
  const damaged = [
    null,
    {},
    wire({ startsAt: "yesterday" }),
    wire({ startsAt: "0001-01-01T00:00:00Z" }),
    wire({ labels: 3 }),
    wire({ fingerprint: { length: { toString: 1 } } }),
  ];
  const { url } = await alertmanager(t, [wire({ annotations: null, endsAt: 7 }), ...damaged]);
  const look = await listAlerts(service(url), signal);
  assert.deepEqual([look.alerts.length, look.damaged], [1, damaged.length]);
});

test("a bearer token or a password goes along where one is configured", async (t) => {
  const served = await alertmanager(t, []);
  await listAlerts(service(served.url, { kind: "bearer", token: new Secret("right") }), signal);
  await listAlerts(service(served.url, { kind: "basic", user: "me", password: new Secret("right") }), signal);
  await listAlerts(service(served.url), signal);
  assert.deepEqual(
    served.asked.map(({ headers }) => headers.authorization),
    ["Bearer right", `Basic ${btoa("me:right")}`, undefined],
  );
});

test("what goes wrong names Alertmanager, the setting and the fix", async (t) => {
  const refusing = await alertmanager(t, {}, 401);
  await assert.rejects(listAlerts(service(refusing.url), signal), {
    code: "unauthorized",
    message: "Alertmanager answered 401: it refuses the credentials in tools.alerts; set ones that may do this",
  });
  const other = await alertmanager(t, { alerts: [] });
  await assert.rejects(listAlerts(service(other.url), signal), {
    message: /no list of alerts: check tools\.alerts\.url/,
  });
  await assert.rejects(listAlerts(service(`http://127.0.0.1:${await freePort()}`), signal), {
    code: "fetch_failed",
    message: /Alertmanager did not answer \(ECONNREFUSED\): is it running, and is tools\.alerts\.url right\?/,
  });
});
