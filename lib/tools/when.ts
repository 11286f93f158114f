/** Points in time, as models write and read them. */
import { z } from "zod";

const written = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** An argument that may be left out: ISO 8601 with an offset. Checked by a function: a pattern would be sent with every request. */
export const instant = z
  .string()
  .max(40)
  .refine(
    (text) => written.test(text) && !Number.isNaN(Date.parse(text)),
    "must be a time with its offset, such as 2026-03-27T08:00:00+01:00",
  )
  .transform((text) => new Date(text).toISOString())
  .optional()
  .describe("ISO 8601 with offset");

/** `2026-03-27 08:00` in the time zone. */
export const localMinute = (iso: string, timeZone: string): string =>
  new Date(iso).toLocaleString("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });

/** `2026-03-27` in the time zone. */
export const localDay = (date: Date, timeZone: string): string => date.toLocaleDateString("en-CA", { timeZone });
