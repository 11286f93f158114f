import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { forecast, forecastByAgent, forecastOf } from "../../../lib/audit/forecast.ts";
import { addDays } from "../../../lib/time/days.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { writeCalls } from "../../support/llm-calls.ts";

/** The days before one, the first of them `count` days earlier. */
const daysBefore = (today: string, count: number, costOf: (day: string) => number) =>
  Array.from({ length: count }, (_, index) => {
    const day = addDays(today, index - count);
    return { day, cost: costOf(day), withoutCost: 0 };
  });

const isWeekend = (day: string): boolean => [0, 6].includes(new Date(day).getUTCDay());

describe("the forecast of a month", () => {
  test("takes each remaining day as its weekday was", () => {
    // November 2026 begins on a Sunday. Weekends are dear, and two of them are to come after Thursday 12.
    const costOf = (day: string): number => (isWeekend(day) ? 10 : 1);
    const made = forecastOf(daysBefore("2026-11-12", 40, costOf), "2026-11-12");
    const wholeMonth = Array.from({ length: 30 }, (_, index) => costOf(addDays("2026-11-01", index)));
    assert.equal(made.method, "weekday");
    assert.equal(made.days, 28);
    assert.equal(
      made.expected,
      wholeMonth.reduce((sum, cost) => sum + cost, 0),
    );
    assert.deepEqual([made.low, made.high], [made.expected, made.expected], "days that never stray leave no doubt");
  });

  test("takes the mean of all days where there are fewer than 14", () => {
    const made = forecastOf(
      daysBefore("2026-11-11", 10, (day) => (Number(day.slice(-2)) % 2 === 0 ? 3 : 1)),
      "2026-11-11",
    );
    assert.equal(made.method, "mean");
    assert.equal(made.days, 10);
    assert.equal(made.spent, 20);
    assert.equal(made.expected, 20 + 20 * 2, "today and the nineteen days after it, at two each");
    assert.ok(made.low < made.expected && made.expected < made.high);
  });

  test("says nothing but what is spent where there is no whole day yet", () => {
    const made = forecastOf([{ day: "2026-11-11", cost: 2, withoutCost: 1 }], "2026-11-11");
    assert.deepEqual(made, {
      month: "2026-11",
      spent: 2,
      withoutCost: 1,
      days: 0,
      expected: 2,
      low: 2,
      high: 2,
      method: "none",
    });
    assert.equal(forecastOf([], "2026-11-11").expected, 0);
  });

  test("counts days without a call, but none before the first", () => {
    const once = forecastOf([{ day: "2026-11-01", cost: 20, withoutCost: 0 }], "2026-11-21");
    assert.equal(once.days, 20);
    const { days } = forecastOf([{ day: "2026-11-18", cost: 20, withoutCost: 0 }], "2026-11-21");
    assert.equal(days, 3);
  });

  test("counts what was spent today into today, and never expects less than is spent", () => {
    const past = daysBefore("2026-11-30", 28, () => 1);
    const last = (cost: number) => forecastOf([...past, { day: "2026-11-30", cost, withoutCost: 0 }], "2026-11-30");
    assert.equal(last(0.25).expected, 29, "28 days of November before it, and today");
    assert.equal(last(50).expected, last(50).spent);
  });

  test("holds the month's end between its bounds about four times in five", () => {
    // A small generator with a fixed seed: the same months every time.
    let state = 7;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const costOf = (day: string): number =>
      (isWeekend(day) ? 4 : 8) + [1, 2, 3, 4, 5, 6].reduce((sum) => sum + random(), -3);
    const months = 400;
    let held = 0;
    for (let month = 0; month < months; month++) {
      const days = daysBefore("2026-12-01", 60, costOf);
      const today = "2026-11-15";
      const made = forecastOf(
        days.filter(({ day }) => day < today),
        today,
      );
      const really = days.filter(({ day }) => day.startsWith("2026-11")).reduce((sum, { cost }) => sum + cost, 0);
      if (made.low <= really && really <= made.high) held++;
    }
    assert.ok(held / months > 0.72 && held / months < 0.88, `${held} of ${months}`);
  });
});

describe("the forecast over the journal", () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
    const calls = daysBefore("2026-11-20", 40, () => 1).flatMap(({ day }) =>
      (["ops", "helper"] as const).map((agent) => ({
        at: new Date(`${day}T12:00:00Z`),
        agent,
        principal: "telegram:1",
        trigger: "chat" as const,
        job: null,
        type: "llm.answered" as const,
        backend: "main",
        model: "large",
        input: 1,
        output: 1,
        cached: null,
        reasoning: null,
        cost: agent === "ops" ? 2 : null,
      })),
    );
    await writeCalls(database.sql, calls);
  });
  after(() => database.drop());

  const asked = { timezone: "Europe/Berlin", now: new Date("2026-11-20T08:00:00Z") };

  test("has the month so far, what nobody knows, and what is to come", async () => {
    const made = await forecast(database.sql, asked);
    assert.deepEqual([made.spent, made.withoutCost, made.expected], [38, 19, 60]);
  });

  test("is made of each agent alone, too", async () => {
    const made = await forecastByAgent(database.sql, asked);
    assert.deepEqual([made.get("ops")?.expected, made.get("ops")?.withoutCost], [60, 0]);
    assert.deepEqual([made.get("helper")?.expected, made.get("helper")?.withoutCost], [0, 19]);
  });
});
