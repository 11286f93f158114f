/** Who asks for a page: a session, or a script with `listen.token`; and whether what they send was meant by them. */
import { createHmac } from "node:crypto";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { Config } from "../../lib/config/config.ts";
import { Secret } from "../../lib/config/secret.ts";
import type { Sql } from "../../lib/db/client.ts";
import { sessionUntil } from "../../lib/ledger/ops-sessions.ts";
import { isSecret } from "../../lib/same-secret.ts";
import { isBearer } from "../bearer.ts";
import { formOf } from "./form.ts";
import { isSameSite } from "./hosts.ts";

/** The cookie of a session. */
export const sessionCookie = "openclaw_ops";

/** The field of every form that carries the session's own token. */
export const formField = "token";

/** Somebody who may read and act. */
export type Visitor =
  | { readonly by: "token" }
  | { readonly by: "session"; readonly session: string; readonly until: Date; readonly formToken: string };

/** Undefined: a stranger, or a session that is over. A cookie counts before a token: it is what a browser sends by itself. */
export async function visitorOf(context: Context, config: Config, sql: Sql): Promise<Visitor | undefined> {
  const session = getCookie(context, sessionCookie);
  if (session === undefined) return isBearer(config, context.req.header("authorization")) ? { by: "token" } : undefined;
  const until = await sessionUntil(sql, session);
  return until && { by: "session", session, until, formToken: formTokenOf(session) };
}

/** Known only to pages of the session: its cookie is not to be read by any script. */
const formTokenOf = (session: string): string =>
  createHmac("sha256", session).update("openclaw ops form").digest("base64url");

/** Whether a request that changes something comes from a page of this visitor's own session. A script's has no cookie to be misused. */
export async function isMeant(context: Context, config: Config, visitor: Visitor): Promise<boolean> {
  if (visitor.by === "token") return true;
  if (!comesFromHere(context, config)) return false;
  const { [formField]: presented } = await formOf(context);
  return isSecret(typeof presented === "string" ? presented : undefined, new Secret(visitor.formToken));
}

/** Whether the browser says that a page of ours sent it. */
export const comesFromHere = (context: Context, config: Config): boolean =>
  isSameSite(config, {
    host: context.req.header("host") ?? "",
    origin: context.req.header("origin"),
    fetchSite: context.req.header("sec-fetch-site"),
  });
