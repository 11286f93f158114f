import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { parseSlot, slotName } from "../../../lib/jobs/slot-name.ts";
import { dueSlot } from "../../../lib/time/slots.ts";

const job = (schedule: string, timezone: string) => ({ name: "news", schedule, timezone });

test("every slot has a name that means it and no other, in zones with every kind of summer time", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"];
  const schedules = ["0 8 * * 1-5", "30 2 * * *", "*/30 * * * *", "0 0 1 * *", "15 1,2,3 * * *"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...schedules),
      fc.date({ min: new Date("2026-01-01"), max: new Date("2027-12-31"), noInvalidDate: true }),
      (zone, schedule, at) => {
        const slot = dueSlot(job(schedule, zone), at);
        assert.ok(slot);
        const name = slotName(job(schedule, zone), slot);
        assert.equal(parseSlot(job(schedule, zone), name).getTime(), slot.getTime(), `${name} ${zone} ${schedule}`);
      },
    ),
    { numRuns: 150 },
  );
});

test("an instant names the same slot as the local time", () => {
  const news = job("0 8 * * *", "Europe/Berlin");
  for (const name of ["2026-07-01T08:00", "2026-07-01 08:00", "2026-07-01T06:00Z", "2026-07-01T08:00:00+02:00"])
    assert.equal(parseSlot(news, name).toISOString(), "2026-07-01T06:00:00.000Z");
});

test("what is no slot is refused by name, with those beside it", () => {
  const news = job("0 8 * * *", "Europe/Berlin");
  assert.throws(() => parseSlot(news, "2026-07-01T08:01"), /nearest are 2026-07-01T08:00 and 2026-07-02T08:00$/);
  for (const name of ["", "today", "2026-07-01", "2026-13-45T08:00", "2026-07-01T25:00Z"])
    assert.throws(() => parseSlot(news, name), /is no time; write it as 2026-11-24T08:00/, name);
});
