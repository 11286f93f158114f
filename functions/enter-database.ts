/** The gateway's way into its database: as the role that may only add to the journal, with the right key, while nobody has it alone. */
import { connect, type Sql } from "../lib/db/client.ts";
import { migrate } from "../lib/db/migrate.ts";
import { asApp, worksAsOwner } from "../lib/db/roles.ts";
import { checkKey } from "../lib/keys/check-key.ts";
import type { Log } from "../lib/log.ts";
import { Locks, type LocksOptions } from "../lib/queue/locks.ts";
import { createKeyring, type Keyring } from "../lib/seal.ts";

/** Which database, and with what. */
export interface EnterOptions {
  /** A migrated or new PostgreSQL database. */
  readonly databaseUrl: string;
  /** Of who migrates it, where that is another user. */
  readonly ownerUrl?: string | undefined;
  /** OPENCLAW_KEY. */
  readonly key: string;
  /** Connections. */
  readonly pool: number;
  /** Told where the database was sealed with another key while it could not be reached: nothing more may be written to it. */
  readonly refused?: LocksOptions["refused"];
  readonly log: Log;
}

/** A database that is current, open and held; whoever entered it closes `locks`, then ends `sql`. */
export interface EnteredDatabase {
  /** As the gateway connects. */
  readonly databaseUrl: string;
  readonly sql: Sql;
  readonly locks: Locks;
  readonly keyring: Keyring;
}

/** Throws ClawError where it cannot be migrated, is sealed with another key, or somebody has it alone. */
export async function enterDatabase({ log, refused, ...given }: EnterOptions): Promise<EnteredDatabase> {
  await migrate(given.ownerUrl ?? given.databaseUrl, given.ownerUrl && given.databaseUrl);
  const databaseUrl = await asApp(given.databaseUrl);
  const sql = connect(databaseUrl, { max: given.pool });
  try {
    if (await worksAsOwner(sql))
      log.warn(
        "the database's roles could not be made: the gateway works as the owner of the journal, which only a trigger protects",
      );
    const keyring = createKeyring(given.key);
    const locks = new Locks(databaseUrl, log, { check: (checked) => checkKey(checked, keyring), refused });
    await locks.open();
    return { databaseUrl, sql, locks, keyring };
  } catch (thrown) {
    await sql.end({ timeout: 1 });
    throw thrown;
  }
}
