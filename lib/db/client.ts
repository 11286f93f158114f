import { Socket } from "node:net";
import postgres from "postgres";
import type { Sql, TransactionSql } from "postgres";

export type { Sql, TransactionSql } from "postgres";

/** Opens a pool. Connections are made on first use and named in pg_stat_activity. `onclose` hears of each one lost. */
export function connect(url: string, options: { max: number; name?: string; onclose?: () => void }): Sql {
  const { address, socket } = splitSocket(url);
  const more = { socket: openSocket };
  const sql = postgres(address, {
    ...more,
    max: options.max,
    ...(socket && { path: `${socket}/.s.PGSQL.5432` }),
    onnotice: () => {},
    // Connections are kept for good: a session lock must not end with a connection that was retired for its age.
    max_lifetime: null,
    ...(options.onclose && { onclose: options.onclose }),
    connection: {
      application_name: options.name ?? "openclaw",
      // Our statements are few and their best plan does not hang on the values; planning them anew costs more than running.
      plan_cache_mode: "force_generic_plan",
      // A session whose client has gone behind a dead network must not hold its locks for hours.
      tcp_keepalives_idle: "30",
      tcp_keepalives_interval: "10",
      tcp_keepalives_count: "3",
      tcp_user_timeout: "60000",
      "openclaw.padding": padding,
    },
    // Ids are far below 2^53: plain numbers everywhere.
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });
  return Object.assign(sql, { begin: steadyBegin(sql) });
}

/**
 * postgres.js 3.4.9 sends a transaction's next statement, its own "rollback" too, to a connection that was closed meanwhile;
 * that write throws where nobody can catch it and ends the process. So a transaction that has lost its connection is left
 * as it is: the close makes `begin` reject.
 */
function steadyBegin(sql: Sql): Sql["begin"] {
  const begin = sql.begin.bind(sql);
  const never = new Promise<never>(() => {});
  const steady = async <Result>(work: (tx: TransactionSql) => Promise<Result>): Promise<unknown> => {
    let lost = false;
    const watched = async (tx: TransactionSql): Promise<Result> => {
      const guarded = new Proxy(tx, {
        apply(target, self, given) {
          if (lost) throw new Error("the transaction's connection is lost");
          return Reflect.apply(target, self, given) as unknown;
        },
      });
      try {
        const result = await work(guarded);
        return lost ? never : result;
      } catch (thrown) {
        lost ||= String((thrown as { code?: unknown } | undefined)?.code).startsWith("CONNECTION_");
        if (lost) return never;
        throw thrown;
      }
    };
    try {
      return await begin(watched);
    } finally {
      lost = true;
    }
  };
  return steady as Sql["begin"];
}

/**
 * postgres.js 3.4.9 keeps a timer that it has cleared when a connection breaks with a write under way, and then never
 * writes to that connection again, unless there are 1,024 bytes: with this, a connection's first message has as many.
 */
const padding = "-".repeat(1024);

/**
 * postgres.js 3.4.9 forgets a query that was written between a socket's "error" and its "close": it is neither sent nor
 * rejected. It does reject it where the close says nothing of an error, so this socket's never does.
 */
class SteadySocket extends Socket {
  host?: string;

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return super.emit(event as "close", ...((event === "close" ? [false] : values) as [boolean]));
  }
}

/** Connecting, not connected: what is written meanwhile waits, and a failure reaches the driver's own listeners. */
const openSocket = ({ path, host, port }: { path?: unknown; host: string[]; port: number[] }): Socket => {
  const socket = new SteadySocket();
  if (typeof path === "string") return socket.connect(path);
  socket.host = host[0] ?? "localhost";
  return socket.connect(port[0] ?? 5432, socket.host);
};

/** libpq's `?host=/directory` names a Unix socket; postgres.js wants it as an option and not in the URL. */
function splitSocket(url: string): { address: string; socket: string | undefined } {
  const parsed = new URL(url);
  const host = parsed.searchParams.get("host");
  if (!host?.startsWith("/")) return { address: url, socket: undefined };
  parsed.searchParams.delete("host");
  return { address: parsed.href, socket: host };
}
