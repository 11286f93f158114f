import type { Config } from "../lib/config/config.ts";
import type { Sql } from "../lib/db/client.ts";
import type { DrizzlePool } from "../lib/db/drizzle.ts";
import { createAlertsSeen } from "../lib/ledger/alerts-seen.ts";
import { createCommitments } from "../lib/ledger/commitments.ts";
import { createNotes } from "../lib/ledger/notes.ts";
import { createSchedules } from "../lib/ledger/schedules.ts";
import { ownTurns } from "../lib/ledger/turns.ts";
import type { Keyring } from "../lib/seal.ts";
import { type BuiltinStores, builtinTools } from "../lib/tools/builtin.ts";
import type { Tool } from "../lib/tools/define.ts";

/** Where built-in tools keep what they keep. */
export interface ToolDatabase {
  readonly sql: Sql;
  readonly database: DrizzlePool["database"];
  readonly keyring: Keyring;
}

/** The stores of the built-in tools in a database. */
export const storesIn = ({ sql, database, keyring }: ToolDatabase): BuiltinStores => ({
  commitments: createCommitments(database, keyring.bodies),
  turns: (who) => ownTurns(sql, keyring.bodies, who),
  notes: createNotes(database, keyring),
  schedules: createSchedules(sql, keyring.bodies),
  alertsSeen: createAlertsSeen(database, keyring.bodies),
});

/** The built-in tools as a config has them. `config` is asked at each call, for the names of destinations only now. */
export const toolsOver = (stores: BuiltinStores, config: () => Config): Tool[] =>
  builtinTools(
    stores,
    () => config().tools,
    Object.keys(config().tools.message.destinations),
    () => config().services,
  );
