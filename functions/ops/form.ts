import type { Context } from "hono";
import { ClawError } from "../../lib/errors.ts";

/** The fields of a form that was sent. Throws ClawError `bad_request` where the body is none, whatever it says it is. */
export async function formOf(context: Context): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await context.req.parseBody();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ClawError("bad_request", "the body is no form", { cause });
  }
}
