import postgres from "postgres";
import type { Sql } from "postgres";

export type { Sql, TransactionSql } from "postgres";

/** Opens a pool. Connections are made on first use and named in pg_stat_activity. `onclose` hears of each one lost. */
export function connect(url: string, options: { max: number; name?: string; onclose?: () => void }): Sql {
  const { address, socket } = splitSocket(url);
  return postgres(address, {
    max: options.max,
    ...(socket && { path: `${socket}/.s.PGSQL.5432` }),
    onnotice: () => {},
    // Connections are kept for good: a session lock must not end with a connection that was retired for its age.
    max_lifetime: null,
    ...(options.onclose && { onclose: options.onclose }),
    connection: { application_name: options.name ?? "openclaw", "openclaw.padding": padding },
    // Ids are far below 2^53: plain numbers everywhere.
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });
}

/**
 * postgres.js 3.4.9 keeps a timer that it has cleared when a connection breaks with a write under way, and then never
 * writes to that connection again, unless there are 1,024 bytes: with this, a connection's first message has as many.
 */
const padding = "-".repeat(1024);

/** libpq's `?host=/directory` names a Unix socket; postgres.js wants it as an option and not in the URL. */
function splitSocket(url: string): { address: string; socket: string | undefined } {
  const parsed = new URL(url);
  const host = parsed.searchParams.get("host");
  if (!host?.startsWith("/")) return { address: url, socket: undefined };
  parsed.searchParams.delete("host");
  return { address: parsed.href, socket: host };
}
