import { resolve } from "node:path";
import type { Command } from "commander";
import { ClawError } from "../../lib/errors.ts";
import { isLoopback, specifier, unitsOf } from "../../lib/jobs/timers.ts";
import { writeUnits } from "../../lib/jobs/unit-files.ts";
import type { CommandContext } from "./context.ts";
import { privateUrl } from "./private-url.ts";

interface Options {
  readonly user?: boolean;
  readonly system?: boolean;
  readonly dir?: string;
  readonly url?: string;
  readonly tokenFile?: string;
}

/** Where the token is by default, as a unit says it. */
const tokenFiles = { user: "%h/.config/openclaw/token", system: "/etc/openclaw/token" } as const;

/** Adds `claw timers systemd`: units that ask for each job when it is due. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("timers")
    .summary("write timers that ask for the jobs")
    .description("What fires the jobs from outside of the gateway.")
    .command("systemd")
    .summary("systemd timers, one a job")
    .description(
      "Prints a timer and a service for each job of the config. With --dir, writes them and removes those of jobs that are gone; files it did not write for this config are left alone.",
    )
    .option("--user", "for a user's manager (default, unless run as root)")
    .option("--system", "for the system's manager")
    .option("--dir <dir>", "write them there: ~/.config/systemd/user, or /etc/systemd/system")
    .option("--url <url>", "the gateway's private listener (default: by listen.private)")
    .option("--token-file <path>", `holds the token alone (default: ${tokenFiles.user}, or ${tokenFiles.system})`)
    .action(async (options: Options) => {
      const config = await context.loadConfig("skip");
      const manager = managerOf(options);
      const url = urlOf(options.url ?? privateUrl(config));
      const tokenFile =
        options.tokenFile === undefined ? tokenFiles[manager] : specifier(resolve(oneLine(options.tokenFile)));
      const given = { manager, url, tokenFile, config: config.file };
      const units = [...config.jobs.values()].flatMap((job) => unitsOf(job, given, new Date()));
      for (const note of notesOf(config.scheduler, units.length, url)) context.note(note);
      if (options.dir === undefined) {
        for (const { name, text } of units) context.out(`# ${name}\n${text}`);
        return;
      }
      const { written, removed } = writeUnits(resolve(options.dir), config.file, units);
      for (const name of written) context.out(`wrote ${name}`);
      for (const name of removed) context.out(`removed ${name}`);
      if (written.length + removed.length === 0) context.out("Everything is as it should be.");
      const timers = units.map(({ name }) => name).filter(isTimer);
      for (const line of nextSteps(manager, tokenFile, timers, removed.filter(isTimer))) context.note(line);
    });
}

const isTimer = (name: string): boolean => name.endsWith(".timer");

function managerOf({ user, system }: Options): "user" | "system" {
  if (user && system) throw new ClawError("bad_request", "--user and --system: name one of them");
  return system || (!user && process.getuid?.() === 0) ? "system" : "user";
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "" && url.hash === "")
    return url.href.replace(/\/+$/, "");
  throw new ClawError("bad_request", `--url ${text}: write it as http://127.0.0.1:8081`);
}

function oneLine(path: string): string {
  if (/[\n\r]/.test(path)) throw new ClawError("bad_request", "--token-file: a unit cannot name a path of two lines");
  return path;
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
  manager: "user" | "system",
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
