/**
 * What compose.yaml does when it is brought up, by docker-compose through podman's Docker API, then on the same volumes by
 * podman-compose: run inside a private podman, this plays the story of docs/deploy-compose.md and leaves what it saw in
 * facts.json. Model and Bot API are stand-ins on the host, as another service of the house would be.
 */
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBotApi } from "../../support/bot-api.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { startModelServer } from "../../support/model-server.ts";
import { actions, stageConfig } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { makeCaddyImage, makePostgresImage } from "./stand-in-images.ts";

/** What was seen of the containers that one program brought up. */
export interface ComposeFacts {
  readonly services: readonly string[];
  readonly answer: string;
  /** What the internet gets for paths of the private listener. */
  readonly closed: Readonly<Record<string, number>>;
  /** Of `/proc/PID/status` of each service's first process: uid, capabilities, whether it may gain privileges. */
  readonly processes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of the engine's word on each service: root read-only, bytes of memory, thousandths of a millionth of a processor, processes. */
  readonly limits: Readonly<Record<string, readonly [boolean, number, number, number]>>;
  readonly publishedOn: readonly string[];
}

/** What the scene saw, for the test to judge. */
export interface ComposeSceneFacts {
  /** How long each step took, in seconds. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly docker: ComposeFacts;
  readonly podman: ComposeFacts;
  /** Whether the gateway was made only when PostgreSQL was healthy; podman-compose 1.0.3 does not wait. */
  readonly waitedForDatabase: boolean;
  readonly databaseLogins: readonly string[];
  readonly tableOwners: readonly string[];
  /** Routes of PostgreSQL's container that lead out. */
  readonly databaseDefaultRoutes: number;
  /** What the image's own health check says of a gateway that runs. */
  readonly gatewayIsHealthy: boolean;
  /** Files of the backup that the identity opens, by `age` and `tar` alone. */
  readonly backupHolds: readonly string[];
  readonly backupMode: string;
  readonly answerAfterKill: string;
  readonly stopped: { readonly code: string; readonly drained: boolean };
  /** Messages in the database at the end, from before and after it was taken down. */
  readonly messagesKept: number;
  /** Where a secret was seen that it has no business at. */
  readonly leaks: readonly string[];
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Where all of it lies, and the gateway's image as an archive. */
const [folder = "", archive = ""] = process.argv.slice(2);
const project = join(folder, "openclaw");
const config = join(project, "config");
const backups = join(project, "backups");
const passwords = { owner: "canary-owner-password", gateway: "canary-gateway-password" };

const seconds: Record<string, number> = {};
async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  const result = await work();
  seconds[name] = Math.round((performance.now() - began) / 100) / 10;
  console.log(`${name}: ${seconds[name]} s`);
  return result;
}

let printed = "";
function run(command: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) =>
    execFile(command, args, { cwd: project, maxBuffer: 32 << 20 }, (error, stdout, stderr) => {
      printed += stdout + stderr;
      if (error) reject(new Error(`${command} ${args.join(" ")}:\n${stdout}${stderr}`, { cause: error }));
      else resolve(stdout + stderr);
    }),
  );
}
const container = (service: string): string => `openclaw_${service}_1`;
const inspect = (service: string, what: string): Promise<string> =>
  run("podman", "inspect", "--format", what, container(service)).then((text) => text.trim());
const inDatabase = (statement: string): Promise<string[]> =>
  run("podman", "exec", container("postgres"), "psql", "-U", "openclaw", "-d", "openclaw", "-Atc", statement).then(
    (text) => text.trim().split("\n"),
  );

/** Makes what listens on this host's loopback reachable from containers; its URL there. */
async function openToContainers(url: string): Promise<string> {
  const { port, pathname } = new URL(url);
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), "127.0.0.1");
    incoming.on("error", () => outgoing.destroy()).pipe(outgoing);
    outgoing.on("error", () => incoming.destroy()).pipe(incoming);
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  return `http://host.containers.internal:${(server.address() as AddressInfo).port}${pathname.replace(/\/$/, "")}`;
}

function writeProject(toml: string, recipient: string): void {
  mkdirSync(config, { recursive: true });
  for (const part of ["compose.yaml", "deploy"]) cpSync(join(root, part), join(project, part), { recursive: true });
  const containers = `
[listen]
public = "0.0.0.0:8080"
private = "0.0.0.0:8081"
token = { env = "OPENCLAW_TOKEN" }
[database]
owner_url = { env = "DATABASE_OWNER_URL" }
[audit]
recipient = "${recipient}"
`;
  writeFileSync(join(config, "openclaw.toml"), `data_dir = "/var/lib/openclaw"\n${toml}${containers}`);
  writeFileSync(join(config, "prompt.md"), "You help with the homelab.\n");
  const database = (user: string, password: string): string => `postgres://${user}:${password}@postgres:5432/openclaw`;
  const environment = {
    ...testEnvironment,
    DATABASE_URL: database("openclaw_gateway", passwords.gateway),
    DATABASE_OWNER_URL: database("openclaw", passwords.owner),
  };
  const lines = (values: Record<string, string>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}\n`)
      .join("");
  writeFileSync(join(config, ".env"), lines(environment), { mode: 0o600 });
  const postgres = {
    POSTGRES_USER: "openclaw",
    POSTGRES_DB: "openclaw",
    POSTGRES_PASSWORD: passwords.owner,
    GATEWAY_PASSWORD: passwords.gateway,
  };
  writeFileSync(join(config, "postgres.env"), lines(postgres), { mode: 0o600 });
}

const status = (url: string): Promise<number> =>
  fetch(url, { redirect: "manual" }).then(
    (answer) => answer.status,
    () => 0,
  );
const ready = async (): Promise<unknown> => {
  const answer = await until(
    () =>
      fetch("http://127.0.0.1:8081/readyz")
        .then((found) => found.json() as Promise<{ ok: boolean }>)
        .catch(() => ({ ok: false })),
    ({ ok }) => ok,
    60_000,
  );
  return answer;
};

async function processOf(service: string): Promise<Record<string, string>> {
  const text = readFileSync(`/proc/${await inspect(service, "{{.State.Pid}}")}/status`, "utf8");
  const wanted = ["Uid", "CapEff", "CapBnd", "NoNewPrivs"];
  return Object.fromEntries(
    wanted.map((name) => [name, (new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "").split("\t")[0] ?? ""]),
  );
}

/** Command lines of all processes that hold a secret. */
const leaksInCommandLines = (): string[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return holdsSecret(line) ? [`command line of ${line.split("\0")[0]}`] : [];
      } catch {
        return [];
      }
    });

process.on("uncaughtException", (thrown) => {
  console.error(thrown, printed.slice(-6_000));
  void Promise.allSettled(
    ["postgres", "gateway", "proxy"].map((service) => run("podman", "logs", container(service))),
  ).then((logs) => {
    for (const log of logs) console.error(log);
    process.exit(1);
  });
});

const [botApi, model] = await Promise.all([startBotApi(), startModelServer({ text: "Hello from the containers." })]);
const around = { modelUrl: await openToContainers(model.url), botApiUrl: await openToContainers(botApi.url) };
// Kept elsewhere than on the gateway's host.
const identityFile = join(folder, "audit.key");
const identity = await generateX25519Identity();
writeFileSync(identityFile, `${identity}\n`, { mode: 0o600 });
const recipient = await identityToRecipient(identity);
writeProject(
  stageConfig(around).replace("[telegram.main]", '[telegram.main]\nwebhook_url = "https://claw.example/telegram/main"'),
  recipient,
);
const images = join(folder, "images");
mkdirSync(images);
await step("images", async () => {
  await makePostgresImage(images, "docker.io/library/postgres:18-trixie");
  makeCaddyImage(images, "docker.io/library/caddy:2");
  await run("podman", "load", "--quiet", "--input", archive);
});

const services = ["postgres", "gateway", "proxy"];
const leaks: string[] = [];
const secrets = [...Object.values(passwords), ...Object.values(testEnvironment)];
const holdsSecret = (text: string): boolean => secrets.some((secret) => text.includes(secret));

// As the internet comes in: by the proxy, by TLS.
const people = actions(botApi, () => "https://localhost");
async function converse(): Promise<string> {
  const person = people.person();
  const pushed = await people.say(person, "hello");
  return pushed === 200 ? people.heard(person) : `the push got ${pushed}`;
}

async function look(): Promise<ComposeFacts> {
  const each = async <Fact>(of: (service: string) => Promise<Fact>): Promise<Record<string, Fact>> =>
    Object.fromEntries(await Promise.all(services.map(async (service) => [service, await of(service)] as const)));
  const names = await run("podman", "ps", "--format", "{{.Names}}");
  const limits =
    "[{{.HostConfig.ReadonlyRootfs}},{{.HostConfig.Memory}},{{.HostConfig.NanoCpus}},{{.HostConfig.PidsLimit}}]";
  const ports = await each((service) => run("podman", "port", container(service)));
  const closed: Record<string, number> = {};
  for (const path of ["/ops", "/healthz", "/metrics", "/jobs"]) closed[path] = await status(`https://localhost${path}`);
  leaks.push(...leaksInCommandLines());
  return {
    services: names.trim().split("\n").toSorted(),
    answer: await converse(),
    closed,
    processes: await each(processOf),
    limits: await each(
      async (service) => JSON.parse(await inspect(service, limits)) as [boolean, number, number, number],
    ),
    publishedOn: Object.values(ports)
      .flatMap((text) => text.trim().split("\n"))
      .filter(Boolean)
      .toSorted(),
  };
}

const engine = spawn("podman", ["system", "service", "--time=0", "unix:///run/podman.sock"], { stdio: "ignore" });
process.env["DOCKER_HOST"] = "unix:///run/podman.sock";
await until(async () => existsSync("/run/podman.sock"));
// What a timer of systemd does elsewhere.
const asksForHealth = setInterval(
  () => execFile("podman", ["healthcheck", "run", container("postgres")], () => {}),
  1_000,
);
const docker = (...args: string[]): Promise<string> =>
  run("docker-compose", "--no-ansi", "--profile", "proxy", ...args);
await step("docker-compose up", () => docker("up", "-d"));
// A gateway that finds no database gives up and is started again.
const waitedForDatabase = (await inspect("gateway", "{{.RestartCount}}")) === "0";
await step("listening", () =>
  until(
    () => status("http://127.0.0.1:8081/healthz"),
    (code) => code === 200,
    60_000,
  ),
);
await step("webhook", () => docker("exec", "-T", "gateway", "claw", "telegram", "set-webhook"));
await step("ready", ready);
const dockerFacts = await step("conversation", look);

const databaseLogins = await inDatabase(
  "select distinct usename from pg_stat_activity where datname = 'openclaw' and application_name = 'openclaw' order by 1",
);
const tableOwners = await inDatabase("select distinct tableowner from pg_tables where schemaname = 'public'");
const routes = readFileSync(`/proc/${await inspect("postgres", "{{.State.Pid}}")}/net/route`, "utf8");
const databaseDefaultRoutes = routes.split("\n").filter((line) => line.split("\t")[1] === "00000000").length;

const gatewayIsHealthy = await run("podman", "healthcheck", "run", container("gateway")).then(
  () => true,
  () => false,
);

const backupHolds = await step("backup", async () => {
  await docker("run", "--rm", "-T", "backup");
  const [name = ""] = readdirSync(backups);
  const listing = await run("sh", "-c", 'age -d -i "$0" "$1" | tar -tz', identityFile, join(backups, name));
  return listing.trim().split("\n");
});
const [backupName = ""] = readdirSync(backups);
const backupMode = (statSync(join(backups, backupName)).mode & 0o777).toString(8);

const answerAfterKill = await step("killed", async () => {
  const killed = await inspect("gateway", "{{.State.Pid}}");
  process.kill(Number(killed), "SIGKILL");
  await until(
    () => inspect("gateway", "{{.State.Pid}}"),
    (pid) => !["0", killed].includes(pid),
    20_000,
  );
  await ready();
  return converse();
});

await step("stop", () => docker("stop", "gateway"));
const log = await run("podman", "logs", container("gateway"));
const stopped = { code: await inspect("gateway", "{{.State.ExitCode}}"), drained: log.includes('"msg":"stopped"') };
if (holdsSecret(log)) leaks.push("the gateway's log");
if (holdsSecret(await run("podman", "logs", container("postgres")))) leaks.push("PostgreSQL's log");
await step("docker-compose down", () => docker("down"));
clearInterval(asksForHealth);
engine.kill();

await step("podman-compose up", () => run("podman-compose", "up", "-d", ...services));
await step("ready again", ready);
const podmanFacts = await step("conversation again", look);
const [messagesKept] = await inDatabase("select count(*) from inbox");
if (holdsSecret(printed)) leaks.push("what the compose programs print");
await step("podman-compose down", () => run("podman-compose", "down", "-t", "35"));

const facts: ComposeSceneFacts = {
  ...{ seconds, docker: dockerFacts, podman: podmanFacts, waitedForDatabase },
  ...{
    databaseLogins,
    tableOwners,
    databaseDefaultRoutes,
    gatewayIsHealthy,
    backupHolds,
    backupMode,
    answerAfterKill,
    stopped,
    leaks,
  },
  messagesKept: Number(messagesKept),
};
writeFileSync(join(folder, "facts.json"), JSON.stringify(facts, undefined, 2));
process.exit(0);
