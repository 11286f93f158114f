/** The life of the process: start, signals, end. */
import { readEnvironment } from "../lib/config/environment.ts";
import { loadConfig } from "../lib/config/load.ts";
import { ConfigHolder } from "../lib/config/reload.ts";
import { ConfigError, invalidConfigExit, secretAwayExit } from "../lib/config/problem.ts";
import { type Database, openDatabase } from "../lib/db/database.ts";
import { ClawError } from "../lib/errors.ts";
import { dropStartUpGarbage } from "../lib/drop-start-up-garbage.ts";
import { createLog, type Log } from "../lib/log.ts";
import { configWarnings } from "../lib/policy/warnings.ts";
import type { Tool } from "../lib/tools/define.ts";
import { knownTools } from "../lib/tools/own.ts";
import { startTracing } from "../lib/trace/tracing.ts";
import { type Gateway, startGateway } from "./gateway.ts";

/** The longest a stop may take: the gateway's own 20 s for runs under way, and some for closing. */
const stopMs = 30_000;
/** By then the agents' keys are loaded, too. */
const settledMs = 2_000;

/**
 * Runs the gateway until it is told to end. What stops it from starting is printed as an instruction; the exit code is 78
 * where that is the config; where a later start may succeed it is 75 for secrets that cannot be read now, else 1.
 */
export async function runServer(): Promise<void> {
  const began = performance.now();
  try {
    await start(began);
  } catch (thrown) {
    process.stderr.write(
      `${thrown instanceof ClawError ? thrown.message : thrown instanceof Error ? thrown.stack : String(thrown)}\n`,
    );
    if (!(thrown instanceof ConfigError)) process.exit(1);
    if (!thrown.mayPass) process.exit(invalidConfigExit);
    process.stderr.write(
      `Nothing else is wrong, and a later start may read it: exit code ${secretAwayExit}, at which a service manager tries again (systemd by Restart=on-failure, Compose by restart)\n`,
    );
    process.exit(secretAwayExit);
  }
}

async function start(began: number): Promise<void> {
  const env = readEnvironment();
  const { own: ownTools, facts: tools } = await knownTools(env.configFile);
  const load = () => loadConfig(env.configFile, { env, tools });
  const holder = new ConfigHolder(load(), load);
  const log = createLog(holder.current.logLevel);
  holder.onChange((config) => (log.level = config.logLevel));
  for (const warning of configWarnings(holder.current, env)) log.warn({ warning }, "config");
  // Heard from the first moment on: unheard, a signal ends the process as it stands.
  process.on("SIGHUP", () => reload(holder, log));
  const running = open(holder, ownTools, log, env.traces);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(running, signal, log));
  const { gateway, database } = await running;
  const { publicUrl, privateUrl } = gateway;
  const ms = Math.round(performance.now() - began);
  log.info({ public: publicUrl, private: privateUrl, database: database.embedded ? "embedded" : "given", ms }, "ready");
  setTimeout(dropStartUpGarbage, settledMs).unref();
}

interface Running {
  readonly gateway: Gateway;
  readonly database: Database;
}

async function open(holder: ConfigHolder, ownTools: readonly Tool[], log: Log, traces: boolean): Promise<Running> {
  const database = await openDatabase(holder.current);
  try {
    const gateway = await startGateway({
      config: () => holder.current,
      onConfig: (listener) => holder.onChange(listener),
      ownTools,
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      log,
      refused(thrown) {
        log.fatal({ err: thrown }, "the database is not to be written to by this process any more, which ends here");
        process.exit(1);
      },
      tracing: traces ? await startTracing(log) : undefined,
    });
    return { gateway, database };
  } catch (thrown) {
    // An embedded server would otherwise go on without anybody.
    await database.stop();
    throw thrown;
  }
}

function reload(holder: ConfigHolder, log: Log): void {
  try {
    const outcome = holder.reload();
    if (outcome.taken) log.info({ policy: holder.current.policyHash }, "config taken over");
    else log.error({ reason: outcome.reason }, "config refused; the one in force stays");
  } catch (err) {
    log.error({ err }, "config taken over, but not everywhere: restart the gateway");
  }
}

let stopping = false;

/** Drains and ends the process; what is still starting is waited for first. */
async function stop(running: Promise<Running>, signal: NodeJS.Signals, log: Log): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info({ signal }, "draining");
  setTimeout(() => {
    log.fatal("did not stop in time; what was under way is taken up again at the next start");
    process.exit(1);
  }, stopMs).unref();
  try {
    const { gateway, database } = await running;
    await gateway.stop();
    await database.stop();
    log.info("stopped");
    process.exit(0);
  } catch (err) {
    log.fatal({ err }, "could not stop in order");
    process.exit(1);
  }
}
