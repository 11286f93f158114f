/** Who may open the ops page: links that log in once, and the sessions made of them. Kept is SHA-256 of their secrets alone. */
import { createHash, randomBytes } from "node:crypto";
import type { Sql } from "../db/client.ts";

/** How long a link can be used. */
export const linkMinutes = 10;

const digest = (secret: string): Uint8Array => createHash("sha256").update(secret).digest();

const newSecret = (): string => randomBytes(32).toString("base64url");

/** Makes a link's secret: 32 random bytes in base64url, good once and for `linkMinutes`. What has expired is deleted. */
export async function makeLink(sql: Sql): Promise<string> {
  const secret = newSecret();
  await sql`delete from ops_sessions where expires_at <= now()`;
  await sql`
    insert into ops_sessions (hash, kind, expires_at)
    values (${digest(secret)}, 'link', now() + ${linkMinutes}::int * interval '1 minute')`;
  return secret;
}

/**
 * Uses a link up and returns the secret of the session it gives; undefined: it was used, has expired or never was. One
 * statement: of two who come with the same link at once, one gets in.
 */
export async function useLink(sql: Sql, link: string, hours: number): Promise<string | undefined> {
  const secret = newSecret();
  const made = await sql`
    with link as (
      update ops_sessions set used = true
      where hash = ${digest(link)} and kind = 'link' and not used and expires_at > now() returning hash
    )
    insert into ops_sessions (hash, kind, expires_at)
    select ${digest(secret)}, 'session', now() + ${hours}::double precision * interval '1 hour' from link returning hash`;
  return made.length === 1 ? secret : undefined;
}

/** Until when a session lasts; undefined: it has ended, or never was. */
export async function sessionUntil(sql: Sql, secret: string): Promise<Date | undefined> {
  const [row] = await sql<{ until: Date }[]>`
    select expires_at as until from ops_sessions
    where hash = ${digest(secret)} and kind = 'session' and expires_at > now()`;
  return row?.until;
}

/** Ends a session, and deletes what has expired. */
export async function endSession(sql: Sql, secret: string): Promise<void> {
  await sql`delete from ops_sessions where hash = ${digest(secret)} or expires_at <= now()`;
}
