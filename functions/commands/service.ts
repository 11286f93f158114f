import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { Command } from "commander";
import type { Config } from "../../lib/config/config.ts";
import { isPrevious } from "../../lib/config/secrets.ts";
import { ClawError } from "../../lib/errors.ts";
import {
  backupFolderOf,
  backupUnits,
  type BackupFolder,
  serviceCommand,
  type ServiceOptions,
  serviceUnit,
  serviceUnits,
} from "../../lib/systemd/service.ts";
import type { Manager } from "../../lib/systemd/unit.ts";
import type { CommandContext } from "./context.ts";
import { waitForGateway } from "./service-wait.ts";
import {
  deliverUnits,
  type Deployed,
  deployedOf,
  secretsOf,
  type SystemdOptions,
  withSystemdOptions,
} from "./systemd-options.ts";

interface Options extends SystemdOptions {
  readonly app?: string;
  readonly node?: string;
  readonly envFile?: readonly string[];
  readonly backup?: string | false;
}

/** The project this command belongs to. */
const root = join(import.meta.dirname, "../..");

/** Adds `claw service`: the gateway's own unit, and what it waits with. */
export function register(program: Command, context: CommandContext): void {
  const service = program
    .command("service")
    .summary("write the gateway's own systemd unit")
    .description("The gateway as a service of the machine.");
  withSystemdOptions(service.command("systemd"))
    .summary("a hardened openclaw.service for the config")
    .description(
      "Prints openclaw.service for the config, with its credentials and locked in as far as the gateway can be. With --dir, writes it; a file it did not write for this config is left alone.",
    )
    .option("--app <dir>", "the project's folder (default: this one)")
    .option("--node <path>", "the Node that runs it (default: this one)")
    .option("--env-file <path...>", "files of NAME=value lines (default: .env beside the config, if it is there)")
    .option(
      "--backup <dir>",
      "also a timer that makes a backup there every night (default: as the units in --dir have it)",
    )
    .option("--no-backup", "no such timer")
    .action(async (options: Options) => {
      const config = await context.loadConfig("skip");
      const deployed = deployedOf(options, config.file, author);
      const given = serviceOptions(config, options, deployed);
      const folder = options.backup ?? backupFolderOf(deployed.before);
      const backup = folder ? backupUnits(given, backupFolder(config, given, folder)) : [];
      const units = [serviceUnit(given), ...backup];
      const removed = deliverUnits(context, options, { ...author, config: given.config }, units);
      if (removed === undefined) return;
      const timers = backup.map(({ name }) => name).filter((name) => name.endsWith(".timer"));
      for (const line of nextSteps(given, timers, removed)) context.note(line);
    });
  service
    .command("wait")
    .summary("wait until the gateway answers")
    .description(
      "Waits until the gateway of the config answers on its private listener. Exits 1 once its process has ended.",
    )
    .requiredOption("--pid <pid>", "the gateway's process")
    .action(({ pid }: { pid: string }) => waitForGateway(context, Number(pid)));
}

const author = { command: serviceCommand, names: serviceUnits };

function serviceOptions(config: Config, options: Options, deployed: Deployed): ServiceOptions {
  const app = resolve(options.app ?? root);
  // The manager starts no service whose credential is missing, and one from before a rotation may be.
  const isThere = (name: string): boolean => existsSync(join(deployed.credentials, name));
  const credentials = [...secretsOf(config.file)].flatMap(([key, ref]) =>
    "credential" in ref && (!isPrevious(key) || isThere(ref.credential)) ? [ref.credential] : [],
  );
  const { encrypted, credentials: credentialsFolder, manager } = deployed;
  const environmentFiles = options.envFile?.map((file) => resolve(file));
  return {
    manager,
    config: deployed.config,
    app,
    node: options.node === undefined ? nodeOf(app) : resolve(options.node),
    flags: flagsOfStart(),
    environmentFiles: environmentFiles ?? [`-${join(dirname(deployed.config), ".env")}`],
    credentials: [...new Set(credentials)].sort(),
    credentialsFolder,
    encrypted,
    ...foldersOf(config, manager),
  };
}

/** The Node that runs this command; where the project brings it along, the one in the project's folder there. */
function nodeOf(app: string): string {
  const place = relative(root, process.execPath);
  return place.startsWith(`..${sep}`) ? process.execPath : join(app, place);
}

/** V8's flags, as `npm start` has them; its path of the compile cache is relative, and a system's service has no home to keep one in. */
function flagsOfStart(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } };
  return scripts.start.split(" ").filter((part) => part.startsWith("--max-"));
}

/** Folders that the gateway writes to. The system's manager makes its state folder; a user's has them all. */
function foldersOf({ dataDir, audit }: Config, manager: Manager): Pick<ServiceOptions, "stateDirectory" | "writable"> {
  if (manager === "user") return { stateDirectory: undefined, writable: [] };
  const stateDirectory = stateDirectoryOf(
    dataDir,
    `data_dir is ${dataDir}: a service of the system keeps its state below /var/lib; set data_dir = "/var/lib/openclaw", or give --user`,
  );
  const checkpoints = dirname(audit.checkpoint_file);
  const inside = checkpoints === dataDir || checkpoints.startsWith(`${dataDir}/`);
  return { stateDirectory, writable: inside ? [] : [checkpoints] };
}

function backupFolder({ audit }: Config, { manager }: ServiceOptions, given: string): BackupFolder {
  if (audit.recipient === undefined)
    throw new ClawError("config_invalid", "--backup: backups are encrypted to audit.recipient; set it in the config");
  const path = resolve(given);
  if (manager === "user") return { path, stateDirectory: undefined };
  const elsewhere = `--backup ${path}: a service of the system writes below /var/lib; give --backup /var/lib/openclaw-backup`;
  return { path, stateDirectory: stateDirectoryOf(path, elsewhere) };
}

/** A folder as StateDirectory= names it. Throws ClawError `config_invalid`, `elsewhere`, for one that is not below /var/lib. */
function stateDirectoryOf(path: string, elsewhere: string): string {
  const below = /^\/var\/lib\/(?!private(\/|$))(.+)$/.exec(path)?.[2];
  if (below === undefined) throw new ClawError("config_invalid", elsewhere);
  return below;
}

function nextSteps(given: ServiceOptions, timers: readonly string[], removed: readonly string[]): string[] {
  const systemctl = given.manager === "user" ? "systemctl --user" : "systemctl";
  const places = given.credentials.map((name) => join(given.credentialsFolder, name)).join(" ");
  const how = given.encrypted ? "each made by systemd-creds encrypt" : "each with its secret alone, mode 0600";
  return [
    ...(places ? [`The credentials stand in ${places}, ${how}.`] : []),
    "Next:",
    ...(removed.length > 0 ? [`  ${systemctl} stop ${removed.join(" ")}`] : []),
    `  ${systemctl} daemon-reload`,
    `  ${systemctl} enable --now ${["openclaw.service", ...timers].join(" ")}`,
  ];
}
