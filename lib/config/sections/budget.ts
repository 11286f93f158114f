/** Hard limits on what models may use and cost, and how fast people may ask. */
import { z } from "zod";
import { count } from "../primitives.ts";

const spend = z.number().positive();

/** Limits of a day, as several keys have them. */
export const daily = {
  tokens_per_day: count.optional().describe("Input and output tokens in a day of `timezone`."),
  money_per_day: spend.optional().describe("What they may cost in a day, in the currency of `price`."),
};

/** Keys of `agents.NAME.limits`: a day of one agent, whoever asks, and one run of it. */
export const agentBudget = {
  ...daily,
  money_per_run: spend.optional().describe("What all calls of one run may cost, in the currency of `price`."),
};

/** `groups.NAME.limits`: a day of each member, by whatever agents. */
export const groupLimits = z
  .strictObject(daily)
  .prefault({})
  .describe("What each member may use, on their own; the smallest of a person's groups holds.");

/** `[budget]`: a day of the whole gateway. */
export const budget = z
  .strictObject({
    ...daily,
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be three capital letters, such as "USD"')
      .default("USD")
      .describe("Of every price and limit (ISO 4217). With another one, only prices of the config count."),
    warn_at: z
      .number()
      .positive()
      .max(1)
      .default(0.8)
      .describe("The part of any daily limit at which `operator` is told."),
    unknown_price: z
      .enum(["refuse", "allow"])
      .default("refuse")
      .describe(
        'A backend without price under a money limit: "refuse" to start, or "allow" its calls as if they were free.',
      ),
  })
  .prefault({})
  .describe("What all agents together may use.");

/** `[rate]`: how fast one person, or one room, may ask. */
export const rate = z
  .strictObject({
    principal_per_minute: count.default(20).describe("Runs that one person may begin in a minute."),
    room_per_minute: count.default(60).describe("Runs that may begin in one room in a minute, whoever asks."),
    principal_runs: count.default(4).describe("Runs of one person at once; their further messages wait."),
  })
  .prefault({})
  .describe("How fast people may ask.");
