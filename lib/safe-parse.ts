import { z } from "zod";

/**
 * zod's `safeParse`, for values that strangers or models wrote: it never throws. zod's own does on
 * `{ "length": { "toString": 1 } }` where a string or list of some length is wanted: its length checks look at anything
 * that has a `length`, and comparing this one fails (measured, zod 4.6.7). Such a value is refused like any other.
 */
export function safeParse<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
): z.ZodSafeParseResult<z.core.output<Schema>> {
  try {
    return z.safeParse(schema, value);
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    const message = "Invalid input: has a length that is no number";
    const error = new z.ZodError([{ code: "custom", path: [], message, input: value }]);
    return { success: false, error: error as z.ZodError<z.core.output<Schema>> };
  }
}
