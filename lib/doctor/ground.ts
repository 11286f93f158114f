/** What checks of several areas rest on: the config, the gateway's database, and the gateway itself. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { connect, type Sql } from "../db/client.ts";
import { runningDatabase } from "../db/database.ts";
import { type Shared, shared } from "./check.ts";
import { type GatewayAnswer, askPrivate } from "./gateway-answer.ts";

/** Asked anew for each run of the doctor. */
export interface Ground {
  readonly config: Config;
  /** The private listener's, without a slash at the end. */
  readonly privateUrl: string;
  /** By a connection that acts as the gateway does. */
  readonly database: Shared<Sql>;
  /** The same, where the gateway's tables are there and may be read. */
  readonly tables: Shared<Sql>;
  /** What /healthz answers. */
  readonly gateway: Shared<GatewayAnswer>;
  /** Closes the database's connections. */
  close(): Promise<void>;
}

const closeMs = 1_000;
/** What others rest on gives up before they do, so that each can say why. */
const soonSeconds = 12;

/** A few, so that one slow question does not hold up the others. */
const connections = 3;

export function layGround(config: Config, privateUrl: string): Ground {
  let opening: Promise<Sql> | undefined;
  let closed = false;
  const open = async (): Promise<Sql> => {
    const url = await runningDatabase(config);
    if (closed) throw new Error("nobody asks any more");
    return connect(url, { max: connections, name: "openclaw doctor" });
  };
  const database = shared("the database does not answer", () => (opening = open()), soonSeconds);
  return {
    config,
    privateUrl,
    database,
    tables: shared("the gateway's tables are not there, or not for this login", async (signal) => {
      const sql = await database.lean(signal);
      const [row] = await sql<{ may: boolean | null }[]>`
        select has_table_privilege(to_regclass('journal'), 'select') as may`;
      if (row?.may === true) return sql;
      throw new Error("they may not be read");
    }),
    gateway: shared("no gateway runs here", (signal) => askPrivate(privateUrl, "/healthz", signal), soonSeconds),
    async close() {
      closed = true;
      // What nobody waited for may still be on its way; a server that does not answer is not waited for.
      const sql = await Promise.race([opening?.catch(() => undefined), sleep(closeMs, undefined, { ref: false })]);
      await sql?.end({ timeout: 1 });
    },
  };
}
