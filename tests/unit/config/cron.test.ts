import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { everOccurs, leastMinutesBetween, parseCron } from "../../../lib/config/cron.ts";
import { expressions } from "../jobs/support.ts";

const sorted = (values: readonly number[] | undefined): number[] | undefined =>
  values && [...new Set(values)].sort((a, b) => a - b);

const parsed = (text: string) => {
  const fields = parseCron(text);
  assert.ok(typeof fields === "object", `${text}: ${JSON.stringify(fields)}`);
  return fields;
};

test("numbers, ranges, lists and steps name what they do in cron", () => {
  fc.assert(
    fc.property(expressions, ({ text, minutes, hours, days, months, weekdays }) => {
      assert.deepEqual(parsed(text), {
        minutes: sorted(minutes),
        hours: sorted(hours ?? Array.from({ length: 24 }, (_, hour) => hour)),
        days: sorted(days),
        months: sorted(months),
        weekdays: sorted(weekdays),
      });
    }),
  );
});

test("months and weekdays have names, and Sunday two numbers", () => {
  assert.deepEqual(parsed("0 8 * jan,DEC Mon-Fri").months, [1, 12]);
  assert.deepEqual(parsed("0 8 * jan,DEC Mon-Fri").weekdays, [1, 2, 3, 4, 5]);
  assert.deepEqual(parsed("0 8 * * 5-7").weekdays, [0, 5, 6]);
});

test("what is no cron expression is told with the field and the form to write", () => {
  const table: [string, RegExp][] = [
    ["", /^must have five fields: /],
    ["0 8 * *", /^must have five fields: /],
    ["0 0 8 * * 1", /^must have five fields: /],
    ["@daily", /^must have five fields: /],
    ["60 8 * * *", /^minute "60" must be of 0-59: /],
    ["0 24 * * *", /^hour "24" must be of 0-23: /],
    ["0 8 0 * *", /^day "0" must be of 1-31: /],
    ["0 8 L * *", /^day "l" must be of 1-31: /],
    ["0 8 * 13 *", /^month "13" must be of 1-12: /],
    ["0 8 * * mon#2", /^weekday "mon#2" must be of 0-7: /],
    ["0 8 * * 5-1", /^weekday "5-1" must be of 0-7: /],
    ["*/0 8 * * *", /^minute "\*\/0" must be of 0-59: /],
    ["1/2/3 8 * * *", /^minute /],
    ["1-2-3 8 * * *", /^minute /],
    ["1, 8 * * *", /^minute "1," /],
    ["-1 8 * * *", /^minute "-1" /],
  ];
  for (const [text, problem] of table) assert.match(parseCron(text) as string, problem);
});

test("a day of the month that no named month has never occurs", () => {
  const table: [string, boolean][] = [
    ["0 8 30 2 *", false],
    ["0 8 31 4,6,9,11 *", false],
    ["0 8 29 2 *", true],
    ["0 8 31 * *", true],
    ["0 8 30,1 2 *", true],
    ["0 8 30 2 1", true],
    ["0 8 * 2 *", true],
  ];
  for (const [text, occurs] of table) assert.equal(everOccurs(parsed(text)), occurs, text);
});

test("the least time between two occurrences is counted over the hours", () => {
  const table: [string, number][] = [
    ["* * * * *", 1],
    ["*/5 * * * *", 5],
    ["0,59 8,9 * * *", 1],
    ["0 8 * * *", 1_440],
    ["0 8,20 * * *", 720],
    ["0-59/20 8 * * *", 20],
  ];
  for (const [text, minutes] of table) assert.equal(leastMinutesBetween(parsed(text)), minutes, text);
});
