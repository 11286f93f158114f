import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { SecretRef } from "../../lib/config/schema.ts";
import { ClawError } from "../../lib/errors.ts";
import { isLoopback, timersCommand, type UnitOptions, unitsOf } from "../../lib/systemd/timers.ts";
import { type Manager, specifier } from "../../lib/systemd/unit.ts";
import type { CommandContext } from "./context.ts";
import { privateUrl } from "./private-url.ts";
import {
  deliverUnits,
  type Deployed,
  deployedOf,
  secretsOf,
  type SystemdOptions,
  withSystemdOptions,
} from "./systemd-options.ts";

interface Options extends SystemdOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

/** Where the token is where the config does not name a file, as a unit says it. */
const tokenFiles = { user: "%h/.config/openclaw/token", system: "/etc/openclaw/token" } as const;

/** Adds `claw timers systemd`: units that ask for each job when it is due. */
export function register(program: Command, context: CommandContext): void {
  const timers = program
    .command("timers")
    .summary("write timers that ask for the jobs")
    .description("What fires the jobs from outside of the gateway.");
  withSystemdOptions(timers.command("systemd"))
    .summary("systemd timers, one a job")
    .description(
      "Prints a timer and a service for each job of the config. With --dir, writes them and removes those of jobs that are gone; files it did not write for this config are left alone.",
    )
    .option("--url <url>", "the gateway's private listener (default: by listen.private)")
    .option(
      "--token-file <path>",
      `holds the token alone (default: the file or credential of listen.token, else ${tokenFiles.user}, or ${tokenFiles.system})`,
    )
    .action(async (options: Options) => {
      const config = await context.loadConfig("skip");
      const deployed = deployedOf(options, config.file, author);
      const url = urlOf(options.url ?? privateUrl(config));
      const token = tokenOf(secretsOf(config.file).get("listen.token"), deployed, options.tokenFile);
      const given = { manager: deployed.manager, url, ...token, config: deployed.config };
      const units = [...config.jobs.values()].flatMap((job) => unitsOf(job, given, new Date()));
      for (const note of notesOf(config.scheduler, units.length, url)) context.note(note);
      const removed = deliverUnits(context, options, { ...author, config: deployed.config }, units);
      if (removed === undefined) return;
      const names = units.map(({ name }) => name).filter(isTimer);
      for (const line of nextSteps(deployed.manager, token.tokenFile, names, removed.filter(isTimer)))
        context.note(line);
    });
}

const author = { command: timersCommand, names: /^openclaw-job-.*\.(timer|service)$/ };

const isTimer = (name: string): boolean => name.endsWith(".timer");

function tokenOf(
  ref: SecretRef | undefined,
  { manager, credentials, encrypted }: Deployed,
  given: string | undefined,
): Pick<UnitOptions, "tokenFile" | "credential" | "encrypted"> {
  const credential = ref && "credential" in ref ? ref.credential : "openclaw-token";
  if (given !== undefined) return { credential, encrypted, tokenFile: specifier(resolve(given)) };
  if (ref && "credential" in ref) return { credential, encrypted, tokenFile: specifier(join(credentials, credential)) };
  return { credential, encrypted: false, tokenFile: ref && "file" in ref ? specifier(ref.file) : tokenFiles[manager] };
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "" && url.hash === "")
    return url.href.replace(/\/+$/, "");
  throw new ClawError("bad_request", `--url ${text}: write it as http://127.0.0.1:8081`);
}

function notesOf(scheduler: string, units: number, url: string): string[] {
  const { protocol, hostname } = new URL(url);
  const plain = protocol === "http:" && hostname !== "localhost" && !isLoopback(hostname.replace(/^\[|\]$/g, ""));
  return [
    ...(units === 0 ? ["The config has no jobs: add [jobs.NAME]."] : []),
    ...(scheduler === "internal"
      ? ['scheduler = "internal": the gateway fires the jobs itself. Timers besides do no harm, and no good.']
      : []),
    ...(plain ? [`${url} is no address of this machine: the token goes there for everybody in between to read.`] : []),
  ];
}

function nextSteps(
  manager: Manager,
  tokenFile: string,
  timers: readonly string[],
  removed: readonly string[],
): string[] {
  const systemctl = manager === "user" ? "systemctl --user" : "systemctl";
  return [
    "Next:",
    ...(removed.length > 0 ? [`  ${systemctl} stop ${removed.join(" ")}`] : []),
    `  ${systemctl} daemon-reload`,
    ...(timers.length > 0
      ? [
          `  ${systemctl} enable --now ${timers.join(" ")}`,
          `The value of listen.token must stand alone in ${tokenFile.replace("%h", "~").replaceAll("%%", "%")}, mode 0600.`,
        ]
      : []),
  ];
}
