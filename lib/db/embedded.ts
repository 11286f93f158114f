/**
 * A real PostgreSQL of our own in a data directory, for those who bring none: reached by a Unix socket that only this
 * user can open, so it needs no password and no port.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClawError } from "../errors.ts";
import { findBinaries, type PostgresBinaries } from "./embedded-binaries.ts";
import { giveTo, type Launch, launchesFor } from "./ordinary-user.ts";

/** A running embedded server. */
export interface EmbeddedPostgres {
  /** Connection URL over the Unix socket, for any database of the cluster. */
  url(database?: string): string;
  /** Stops it (fast shutdown) and resolves when it has gone. */
  stop(): Promise<void>;
}

/** Server settings as `-c name=value`. */
export type PostgresSettings = Readonly<Record<string, string>>;

const user = "openclaw";
/** sun_path holds 108 bytes, and PostgreSQL adds "/.s.PGSQL.5432". */
const socketPathLimit = 90;

/**
 * Starts the cluster in `directory`, made first if there is none. One that still runs there, left over by a gateway
 * that was killed, is taken over. Throws ClawError `environment`.
 */
export async function startEmbedded(directory: string, settings: PostgresSettings = {}): Promise<EmbeddedPostgres> {
  const data = join(directory, "postgres");
  const socket = socketDirectory(directory);
  const running = await livePid(data);
  const pid = running ?? (await launch(directory, data, socket, settings));
  return { url: (database) => urlOf(socket, database), stop: () => stop(pid) };
}

/** The URL of the server that a gateway runs in `directory` just now; undefined where there is none. */
export async function runningEmbedded(directory: string): Promise<string | undefined> {
  return (await livePid(join(directory, "postgres"))) === undefined ? undefined : urlOf(socketDirectory(directory));
}

/** Whether a cluster was made in `directory`. */
export const hasEmbedded = (directory: string): boolean => existsSync(join(directory, "postgres", "PG_VERSION"));

const urlOf = (socket: string, database = user): string =>
  `postgres://${user}@localhost/${database}?host=${encodeURIComponent(socket)}`;

async function launch(directory: string, data: string, socket: string, settings: PostgresSettings): Promise<number> {
  const binaries = await findBinaries();
  const { initdb, postgres: as } = launchesFor(directory, data);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (as.owner && statSync(directory).uid === 0) chownSync(directory, as.owner.uid, as.owner.gid);
  chmodSync(data, 0o700);
  if (!hasEmbedded(directory)) await initialise(binaries, data, initdb);
  const isNew = mkdirSync(socket, { recursive: true, mode: 0o700 }) !== undefined;
  if (as.owner) for (const each of isNew ? [data, socket] : [data]) giveTo(as.owner, each);
  refuseForeign(socket, as.owner?.uid ?? process.getuid?.());
  const options = {
    listen_addresses: "",
    unix_socket_directories: socket,
    unix_socket_permissions: "0700",
    ...settings,
  };
  const left = postmaster(data);
  const arguments_ = ["-D", data, ...Object.entries(options).flatMap(([key, value]) => ["-c", `${key}=${value}`])];
  const child = spawn(
    as.command ?? binaries.postgres,
    as.command ? [...as.arguments, binaries.postgres, ...arguments_] : arguments_,
    {
      stdio: ["ignore", "ignore", "pipe"],
      // Its own group: Ctrl-C in the terminal stops the gateway, which then stops PostgreSQL in its own time.
      detached: true,
      ...(as.switch && as.owner),
    },
  );
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const exited = new Promise<never>((_, reject) => {
    child.once("error", (cause) => {
      reject(
        new ClawError(
          "environment",
          `the embedded PostgreSQL could not be run (${cause.message}); run \`npm ci\` again`,
          { cause },
        ),
      );
    });
    child.once("exit", () => {
      reject(new ClawError("environment", `the embedded PostgreSQL did not start:\n${complaint}`));
    });
  });
  const ready = await Promise.race([whenReady(data, left), exited]);
  child.stderr.destroy();
  child.unref();
  return ready;
}

async function initialise(binaries: PostgresBinaries, data: string, as: Launch): Promise<void> {
  if (as.owner) giveTo(as.owner, data);
  const arguments_ = [
    "-D",
    data,
    "-U",
    user,
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-sync",
  ];
  const code = await run(
    as.command ?? binaries.initdb,
    as.command ? [...as.arguments, binaries.initdb, ...arguments_] : arguments_,
    as,
  );
  if (code.status === 0) return;
  // A half-made cluster would be taken for a whole one next time.
  rmSync(data, { recursive: true, force: true });
  throw new ClawError("environment", `the embedded PostgreSQL could not be made in ${data}:\n${code.output}`);
}

function run(
  command: string,
  arguments_: readonly string[],
  as: Launch,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, arguments_, { stdio: ["ignore", "pipe", "pipe"], ...(as.switch && as.owner) });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, output }));
  });
}

interface Postmaster {
  readonly pid: number;
  /** In seconds of Unix. */
  readonly started: string | undefined;
  readonly ready: boolean;
}

/** postmaster.pid: line 1 the pid, line 3 since when, line 8 "ready" once it accepts connections. */
function postmaster(data: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return { pid: Number(lines[0]), started: lines[2], ready: lines[7]?.trim() === "ready" };
  } catch {
    return undefined;
  }
}

async function livePid(data: string): Promise<number | undefined> {
  const found = postmaster(data);
  if (!found || !isAlive(found.pid) || !isPostgres(found.pid)) return undefined;
  return whenReady(data);
}

/** `left`: what a server that was killed left there, "ready" still, until the one that was started overwrites it. */
async function whenReady(data: string, left?: Postmaster): Promise<number> {
  for (let waited = 0; waited < 60_000; waited += 10) {
    const found = postmaster(data);
    const isLeft = found !== undefined && found.pid === left?.pid && found.started === left.started;
    if (found?.ready && !isLeft) return found.pid;
    await sleep(10);
  }
  throw new ClawError("environment", `the embedded PostgreSQL in ${data} was not ready within 60 s`);
}

async function stop(pid: number): Promise<void> {
  // SIGINT is PostgreSQL's fast shutdown: sessions are ended, the write-ahead log is flushed.
  if (isAlive(pid)) process.kill(pid, "SIGINT");
  for (let waited = 0; isAlive(pid) && waited < 30_000; waited += 10) await sleep(10);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * A pid in a stale file may by now be anybody's. One that may not be looked at is believed: another service of the same user
 * is hidden by ProtectProc=, but the gateway's own server never is.
 */
function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("postgres");
  } catch {
    return true;
  }
}

/** In a shared /tmp somebody else may have made the directory first: whoever owns it could be talked to in our stead. */
function refuseForeign(socket: string, owner: number | undefined): void {
  const found = lstatSync(socket);
  if (found.isDirectory() && (owner === undefined || found.uid === owner) && (found.mode & 0o077) === 0) return;
  throw new ClawError(
    "environment",
    `${socket} is not a directory of our own that nobody else can enter: remove it, or give a shorter data_dir`,
  );
}

function socketDirectory(directory: string): string {
  const inside = join(directory, "socket");
  if (inside.length <= socketPathLimit) return inside;
  return join(tmpdir(), `openclaw-${createHash("sha256").update(directory).digest("hex").slice(0, 12)}`);
}
