import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AlertsService } from "../../../lib/config/services.ts";
import { watchAlerts } from "../../../lib/jobs/alert-watch.ts";
import { createLog } from "../../../lib/log.ts";
import type { AlertsLook } from "../../../lib/sources/alertmanager.ts";
import { until } from "../../support/until.ts";
import { serve } from "../sources/serve.ts";

/** A watch over a server that can be broken, with what it kept and logged. */
async function setUp(t: TestContext, watchMs: number) {
  /** `looks`: how often the watch began one. */
  const state = { status: 200, set: true, looks: 0 };
  const kept: AlertsLook[] = [];
  const lines: string[] = [];
  const served = await serve((_asked, response) => response.writeHead(state.status).end("[]"));
  const service: AlertsService = { url: served.url, auth: undefined, timeoutMs: 5_000, watchMs, maxAlerts: 10 };
  const watch = watchAlerts({
    service: () => {
      state.looks += 1;
      return state.set ? service : undefined;
    },
    seen: { record: async (look) => void kept.push(look), endedSince: () => assert.fail() },
    log: createLog("info", { write: (line: string) => void lines.push(line) }),
  });
  t.after(async () => {
    await watch.stop();
    await served.stop();
  });
  return { state, kept, lines, watch, asked: served.asked };
}

test("the alerts are looked at when the gateway starts, and then again and again until it stops", async (t) => {
  const { state, kept, watch } = await setUp(t, 5);
  await until(async () => kept.length >= 3);
  await watch.stop();
  // Not the requests: that of a look that was given up may still be on its way to the server.
  const { looks } = state;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(state.looks, looks);
});

test("a look that fails keeps nothing, is said once an hour, and the next one is kept again", async (t) => {
  const { state, kept, lines, asked } = await setUp(t, 5);
  await until(async () => kept.length >= 1);
  state.status = 500;
  await until(async () => lines.length >= 1);
  const before = kept.length;
  const { length } = asked;
  await until(async () => asked.length >= length + 3);
  assert.equal(kept.length, before);
  state.status = 200;
  await until(async () => kept.length > before);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /Alertmanager answered 500/);
});

test("where no Alertmanager is configured nobody is asked, until the config has one", async (t) => {
  const { state, kept, watch, asked } = await setUp(t, 3_600_000);
  await until(async () => kept.length === 1);
  state.set = false;
  watch.changed();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(asked.length, 1);
  state.set = true;
  watch.changed();
  await until(async () => kept.length === 2);
});
