import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Config } from "../../lib/config/config.ts";
import { ClawError } from "../../lib/errors.ts";
import { serviceCommand, type ServiceOptions, serviceUnit } from "../../lib/systemd/service.ts";
import type { Manager } from "../../lib/systemd/unit.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { privateUrl } from "./private-url.ts";
import { deliverUnits, deployedOf, secretsOf, type SystemdOptions, withSystemdOptions } from "./systemd-options.ts";

interface Options extends SystemdOptions {
  readonly app?: string;
  readonly node?: string;
  readonly envFile?: readonly string[];
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
    .action(async (options: Options) => {
      const config = await context.loadConfig("skip");
      const given = serviceOptions(config, options);
      const author = { command: serviceCommand, config: given.config, names: /^openclaw\.service$/ };
      const unit = serviceUnit(given);
      if (deliverUnits(context, options, author, [unit]) === undefined) return;
      for (const line of nextSteps(given)) context.note(line);
    });
  service
    .command("wait")
    .summary("wait until the gateway answers")
    .description(
      "Waits until the gateway of the config answers on its private listener. Exits 1 once its process has ended.",
    )
    .requiredOption("--pid <pid>", "the gateway's process")
    .action(({ pid }: { pid: string }) => waitFor(context, Number(pid)));
}

function serviceOptions(config: Config, options: Options): ServiceOptions {
  const deployed = deployedOf(options, config.file);
  const app = resolve(options.app ?? root);
  const refs = [...secretsOf(config.file).values()];
  const credentials = refs.flatMap((ref) => ("credential" in ref ? [ref.credential] : []));
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

/** Node's flags, as `npm start` has them. */
function flagsOfStart(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } };
  return scripts.start.split(" ").filter((part) => part.startsWith("--"));
}

/** Folders that the gateway writes to. The system's manager makes its state folder; a user's has them all. */
function foldersOf({ dataDir, audit }: Config, manager: Manager): Pick<ServiceOptions, "stateDirectory" | "writable"> {
  if (manager === "user") return { stateDirectory: undefined, writable: [] };
  const below = /^\/var\/lib\/(?!private(\/|$))(.+)$/.exec(dataDir)?.[2];
  if (below === undefined)
    throw new ClawError(
      "config_invalid",
      `data_dir is ${dataDir}: a service of the system keeps its state below /var/lib; set data_dir = "/var/lib/openclaw", or give --user`,
    );
  const checkpoints = dirname(audit.checkpoint_file);
  const inside = checkpoints === dataDir || checkpoints.startsWith(`${dataDir}/`);
  return { stateDirectory: below, writable: inside ? [] : [checkpoints] };
}

function nextSteps({ manager, credentials, credentialsFolder, encrypted }: ServiceOptions): string[] {
  const systemctl = manager === "user" ? "systemctl --user" : "systemctl";
  return [
    "Next:",
    ...(credentials.length > 0
      ? [
          `  ${encrypted ? "make" : "put each secret alone into"} ${credentials.map((name) => join(credentialsFolder, name)).join(" ")}${encrypted ? " by systemd-creds encrypt" : ", mode 0600"}`,
        ]
      : []),
    `  ${systemctl} daemon-reload`,
    `  ${systemctl} enable --now openclaw.service`,
  ];
}

const everyMs = 200;
/** So long after a config that is invalid the gateway has said so itself, and ended. */
const endsWithinMs = 5_000;

async function waitFor(context: CommandContext, pid: number): Promise<void> {
  if (!Number.isInteger(pid) || pid <= 0) throw new ClawError("bad_request", "--pid: give the gateway's process id");
  const url = `${privateUrl(await configOr(context, pid))}/healthz`;
  while (isAlive(pid)) {
    const answers = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) return;
    await sleep(everyMs);
  }
  throw new ExitCode(1);
}

/** What is wrong with a config is told once, by the gateway. */
async function configOr(context: CommandContext, pid: number): Promise<Config> {
  try {
    return await context.loadConfig("skip");
  } catch (thrown) {
    for (let waited = 0; isAlive(pid); waited += everyMs) {
      if (waited > endsWithinMs) throw thrown;
      await sleep(everyMs);
    }
    throw new ExitCode(1);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
