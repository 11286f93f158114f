import type { Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Sql } from "./client.ts";
import { hasEmbedded, runningEmbedded, startEmbedded } from "./embedded.ts";
import { asApp } from "./roles.ts";

/** The database in use: the user's own, or the embedded one, which ends with its owner. */
export interface Database {
  readonly url: string;
  /** Of who owns the tables and migrates them; undefined: the same user. */
  readonly ownerUrl?: string | undefined;
  readonly embedded: boolean;
  stop(): Promise<void>;
}

/** Finds the database of the config, starting the embedded one where none is named. Throws ClawError `environment`. */
export async function openDatabase(config: Config): Promise<Database> {
  const given = config.database.url?.reveal();
  if (given !== undefined) {
    await probe(given);
    const ownerUrl = config.database.ownerUrl?.reveal();
    if (ownerUrl !== undefined) await probe(ownerUrl, "database.owner_url");
    return { url: given, ownerUrl, embedded: false, stop: async () => {} };
  }
  const server = await startEmbedded(config.dataDir);
  const owner = await own(server.url("postgres"), config.dataDir);
  await ensureDatabase(server.url("postgres"));
  return {
    url: server.url(),
    embedded: true,
    async stop() {
      await owner.end();
      await server.stop();
    },
  };
}

/** The database that a running gateway uses, for a command beside it, which acts as the gateway does. Throws ClawError `environment` where none runs. */
export async function runningDatabase(config: Config): Promise<string> {
  const given = config.database.url?.reveal();
  if (given !== undefined) {
    await probe(given);
    return asApp(given);
  }
  const url = await runningEmbedded(config.dataDir);
  if (url === undefined)
    throw new ClawError(
      "environment",
      `no gateway runs with the embedded database in ${config.dataDir}: start it (npm start, or its service), then try again`,
    );
  return asApp(url);
}

/**
 * The database for a command that needs the rights of its owner, by `url`: a running gateway's, or the one in data_dir, started
 * for the while. Throws ClawError `environment` where there is none yet.
 */
export async function ownedDatabase(config: Config): Promise<Database> {
  const running = config.database.url === undefined ? await runningEmbedded(config.dataDir) : undefined;
  if (running !== undefined) return { url: running, embedded: true, stop: async () => {} };
  if (config.database.url === undefined && !hasEmbedded(config.dataDir))
    throw new ClawError(
      "environment",
      `there is no database: neither database.url or DATABASE_URL is set, nor is there one in ${config.dataDir}`,
    );
  const opened = await openDatabase(config);
  return { ...opened, url: opened.ownerUrl ?? opened.url };
}

/** Any number, the same for every gateway. */
const ownerLock = 7_301_000;

/** Whoever stops would take the server away from the other, so it has one owner; the lock ends with its process. */
async function own(admin: string, dataDir: string): Promise<Sql> {
  const sql = connect(admin, { max: 1, name: "openclaw owner" });
  // A gateway that was just killed may still be let go of.
  for (let tries = 0; tries < 20; tries++) {
    const [row] = await sql<{ held: boolean }[]>`select pg_try_advisory_lock(${ownerLock}) as held`;
    if (row?.held) return sql;
    await sleep(100);
  }
  await sql.end();
  throw new ClawError(
    "environment",
    `another gateway uses the embedded database in ${dataDir}: stop it, give this one another data_dir, or set DATABASE_URL for both`,
  );
}

async function probe(url: string, setting = "DATABASE_URL"): Promise<void> {
  const sql = connect(url, { max: 1, name: "openclaw start" });
  try {
    await sql`select 1`;
  } catch (cause) {
    const reason = (cause as { code?: string }).code ?? "no answer";
    throw new ClawError(
      "environment",
      `the database does not answer (${reason}). Check ${setting}, that PostgreSQL runs and that the user may connect.`,
      { cause },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function ensureDatabase(admin: string): Promise<void> {
  const sql = connect(admin, { max: 1, name: "openclaw start" });
  try {
    const [found] = await sql`select 1 from pg_database where datname = 'openclaw'`;
    if (!found) await sql`create database openclaw`;
  } finally {
    await sql.end();
  }
}
