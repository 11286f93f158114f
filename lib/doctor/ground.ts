/** What checks of several areas rest on: the config, the gateway's database, and the gateway itself. */
import type { Config } from "../config/config.ts";
import { connect, type Sql } from "../db/client.ts";
import { runningDatabase } from "../db/database.ts";
import type { Shared } from "./check.ts";
import { shared } from "./check.ts";
import { type GatewayAnswer, askPrivate } from "./gateway-answer.ts";

/** Asked anew for each run of the doctor. */
export interface Ground {
  readonly config: Config;
  /** The private listener's, without a slash at the end. */
  readonly privateUrl: string;
  /** By a connection that acts as the gateway does. */
  readonly database: Shared<Sql>;
  /** What /healthz answers. */
  readonly gateway: Shared<GatewayAnswer>;
  /** Closes the database's connections. */
  close(): Promise<void>;
}

/** A few, so that one slow question does not hold up the others. */
const connections = 3;

export function layGround(config: Config, privateUrl: string): Ground {
  let opened: Sql | undefined;
  return {
    config,
    privateUrl,
    database: shared("the database does not answer", async () => {
      const url = await runningDatabase(config);
      return (opened = connect(url, { max: connections, name: "openclaw doctor" }));
    }),
    gateway: shared("no gateway runs here", (signal) => askPrivate(privateUrl, "/healthz", signal)),
    close: async () => opened?.end({ timeout: 1 }),
  };
}
