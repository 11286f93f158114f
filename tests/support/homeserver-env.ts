/** What the handlers of the stand-in share. */
import type { Context } from "hono";

/** Who calls; the device only where the call names one. */
export type Env = { Variables: { user: string; device: string | undefined } };

/** An answer as Synapse refuses. */
export const refuse = (c: Pick<Context, "json">, status: 400 | 401 | 403 | 404 | 413, errcode: string): Response =>
  c.json({ errcode, error: errcode }, status);
