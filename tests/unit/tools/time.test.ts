import assert from "node:assert/strict";
import { test } from "node:test";
import { timeNow } from "../../../lib/tools/time.ts";
import { call } from "./support.ts";

test("time_now tells the given clock's time in the given zone and in UTC, over a change of the clocks", async () => {
  assert.equal(
    await call(timeNow, {}),
    "Sunday, 29 March 2026 at 01:59:00 CET (Europe/Berlin); 2026-03-29T00:59:00.000Z",
  );
  const later = await call(timeNow, {}, { now: () => new Date("2026-03-29T01:01:00Z") });
  assert.match(later, /03:01:00 CEST \(Europe\/Berlin\); 2026-03-29T01:01:00.000Z$/);
  assert.match(await call(timeNow, {}, { timezone: "UTC" }), /00:59:00 UTC \(UTC\)/);
});

test("time_now takes nothing and changes nothing", () => {
  assert.throws(() => call(timeNow, { zone: "UTC" }));
  assert.deepEqual([timeNow.labels, timeNow.effect], [[], "idempotent"]);
});
