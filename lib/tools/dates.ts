/** Dates as tools take them. zod's own put a pattern of 200 characters into the schema that goes along with every request. */
import { z } from "zod";
import { safeParse } from "../safe-parse.ts";

const isDay = z.iso.date();
const isInstant = z.iso.datetime({ offset: true });

/** A day, YYYY-MM-DD. */
export const dayInput = z
  .string()
  .refine((text) => safeParse(isDay, text).success, "must be a day, as 2026-07-24")
  .describe("YYYY-MM-DD");

/** An instant in ISO 8601. */
export const instantInput = z
  .string()
  .refine(
    (text) => safeParse(isInstant, text).success,
    "must be a date and time with its zone, as 2026-07-24T06:00:00Z",
  )
  .describe("ISO 8601 with zone");
