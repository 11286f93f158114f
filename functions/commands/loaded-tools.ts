import type { Config } from "../../lib/config/config.ts";
import { connect } from "../../lib/db/client.ts";
import { runningDatabase } from "../../lib/db/database.ts";
import { openDrizzle } from "../../lib/db/drizzle.ts";
import { createKeyring } from "../../lib/seal.ts";
import type { BuiltinStores } from "../../lib/tools/builtin.ts";
import type { Tool } from "../../lib/tools/define.ts";
import { loadOwnTools } from "../../lib/tools/own.ts";
import { storesIn, toolsOver } from "../builtin-tools.ts";

/** The tools of a config for a command. */
export interface LoadedTools {
  /** The built-in ones, then the operator's own. */
  readonly tools: readonly Tool[];
  /** Closes what was opened for them. */
  end(): Promise<void>;
}

/** Where no database can be reached, tools that keep something say so when they are called, and the others work. */
export async function loadTools(config: Config, file: string): Promise<LoadedTools> {
  const { stores, end } = await openStores(config);
  const builtin = toolsOver(stores, () => config);
  const own = await loadOwnTools(
    file,
    builtin.map(({ name }) => name),
  );
  return { tools: [...builtin, ...own], end };
}

async function openStores(config: Config): Promise<{ stores: BuiltinStores; end: () => Promise<void> }> {
  let url: string;
  try {
    url = await runningDatabase(config);
  } catch (thrown) {
    return { stores: closedStores(thrown), end: async () => {} };
  }
  // Both connect on first use.
  const sql = connect(url, { max: 1, name: "openclaw claw" });
  const tables = openDrizzle(url);
  return {
    stores: storesIn({ sql, database: tables.database, keyring: createKeyring(config.key.reveal()) }),
    async end() {
      await Promise.all([sql.end({ timeout: 1 }), tables.end()]);
    },
  };
}

/** Stores of which whatever is asked throws. */
function closedStores(thrown: unknown): BuiltinStores {
  const refuse = (): never => {
    throw thrown;
  };
  const closed: BuiltinStores & typeof refuse = new Proxy(refuse, { get: () => closed }) as BuiltinStores &
    typeof refuse;
  return closed;
}
