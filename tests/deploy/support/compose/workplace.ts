/** Where the scene of compose.test.ts types its commands: folders, the words `docker` and `docker compose`, and what they printed. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readEnvFile } from "../../../../lib/config/environment.ts";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** Docker's words, by podman and by docker-compose on its socket. That one wants to be told that there is no terminal. */
const docker = `#!/bin/sh
[ "$1" = compose ] || exec podman "$@"
shift
case $1 in
  exec | run) verb=$1; shift; exec docker-compose --ansi never "$verb" -T "$@" ;;
esac
exec docker-compose --ansi never "$@"
`;

const seconds: Record<string, number> = {};
let printed = "";
let project = "";
let programs = "";

/** How long each step took so far. */
export const timings = (): Readonly<Record<string, number>> => seconds;

/** What all commands printed so far. */
export const allPrinted = (): string => printed;

/** Does a named step of the story. */
export async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  const result = await work();
  seconds[name] = Math.round((performance.now() - began) / 100) / 10;
  console.log(`${name}: ${seconds[name]} s`);
  return result;
}

/** Puts the words into a folder of the path. */
export function layOut(folder: string): void {
  programs = join(folder, "bin");
  mkdirSync(programs);
  writeFileSync(join(programs, "docker"), docker, { mode: 0o755 });
}

/** What a clone has for compose, in a folder where everything is typed from now on. */
export function clone(parent: string): string {
  project = join(parent, "openclaw");
  mkdirSync(project, { recursive: true });
  for (const part of ["compose.yaml", "deploy"]) cpSync(join(root, part), join(project, part), { recursive: true });
  return project;
}

/** Runs a program there; resolves with all it printed. */
export const run = (command: string, ...args: string[]): Promise<string> => runWith({}, command, ...args);

/** Types lines of a page into a shell there, which ends at the first that fails. */
export const type = (lines: string, environment: Readonly<Record<string, string>> = {}): Promise<string> =>
  runWith(environment, "sh", "-ec", lines);

function runWith(environment: Readonly<Record<string, string>>, command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment, PATH: `${programs}:${process.env["PATH"]}` };
  return new Promise((resolve, reject) =>
    execFile(command, args, { cwd: project, env, maxBuffer: 32 << 20 }, (error, stdout, stderr) => {
      printed += stdout + stderr;
      if (error) reject(new Error(`${command} ${args.join(" ")}:\n${stdout}${stderr}`, { cause: error }));
      else resolve(stdout + stderr);
    }),
  );
}

/** The container of a service. */
export const container = (service: string): string => `openclaw_${service}_1`;

/** What podman knows of a service's container, by a template of Go. */
export const inspect = (service: string, what: string): Promise<string> =>
  run("podman", "inspect", "--format", what, container(service)).then((text) => text.trim());

/** The rows of a query by the tables' owner. */
export const inDatabase = (statement: string): Promise<string[]> =>
  run("podman", "exec", container("postgres"), "psql", "-U", "openclaw", "-d", "openclaw", "-Atc", statement).then(
    (text) => text.trim().split("\n"),
  );

/** The config folder's files and folders, with their modes. */
export const configModes = (): Record<string, string> =>
  Object.fromEntries(
    (readdirSync(join(project, "config"), { recursive: true }) as string[])
      .toSorted()
      .map((name) => [name, (statSync(join(project, "config", name)).mode & 0o777).toString(8)]),
  );

/** Changes a file of the config folder. */
export function editFile(name: string, change: (text: string) => string): void {
  const file = join(project, "config", name);
  const text = readFileSync(file, "utf8");
  const changed = change(text);
  if (changed === text) throw new Error(`${name} has nothing to be changed so`);
  writeFileSync(file, changed);
}

/** The secrets of the config folder, by their variables. */
export const secretsOfConfig = (): Readonly<Record<string, string | undefined>> => ({
  ...readEnvFile(join(project, "config/postgres.env")),
  ...readEnvFile(join(project, "config/.env")),
});

/** Lines of the doctor among what was printed. */
export const doctorLines = (text: string): string[] =>
  text.split("\n").filter((line) => /^(ok|warn|fail|-) {2}/.test(line));
