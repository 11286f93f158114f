/**
 * What compose.yaml does when it is brought up, by docker-compose through podman's Docker API, then on the same volumes by
 * podman-compose: run inside a private podman, this types what docs/deploy-compose.md tells and leaves what it saw in
 * facts.json. Model, Bot API and Miniflux are stand-ins on the host, as other services of the house would be.
 */
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { newKey } from "../../../../lib/seal.ts";
import { until } from "../../../support/until.ts";
import { documented, without } from "../documented.ts";
import { makeCaddyImage, makePostgresImage } from "../stand-in-images.ts";
import type { ComposeSceneFacts } from "./facts.ts";
import { defaultRoutes, leaksInCommandLines, look, ready, services } from "./look.ts";
import { startNeighbours } from "./neighbours.ts";
import {
  allPrinted,
  clone,
  configModes,
  container,
  doctorLines,
  editFile,
  inDatabase,
  inspect,
  layOut,
  run,
  secretsOfConfig,
  step,
  timings,
  type,
} from "./workplace.ts";

const page = "deploy-compose.md";
/** Where all of it lies, and the gateway's image as an archive. */
const [folder = "", archive = ""] = process.argv.slice(2);

process.on("uncaughtException", (thrown) => {
  console.error(thrown, allPrinted().slice(-6_000));
  void Promise.allSettled(services.map((service) => run("podman", "logs", container(service)))).then((logs) => {
    for (const log of logs) console.error(log);
    process.exit(1);
  });
});

layOut(folder);
const project = clone(folder);
const images = join(folder, "images");
mkdirSync(images);
await step("images", async () => {
  await makePostgresImage(images, "docker.io/library/postgres:18-trixie");
  makeCaddyImage(images, "docker.io/library/caddy:2");
  await run("podman", "load", "--quiet", "--input", archive);
});

const identity = await generateX25519Identity();
const neighbours = await startNeighbours(await identityToRecipient(identity));

// The config.
const [init = "", start = ""] = documented(page, "First run");
await step("claw init", () => {
  const typed = without(init, "git clone", "docker build").trim();
  const variables = Object.keys(neighbours.secrets).map((name) => `-e ${name}`);
  return type(`${typed.replace("-it", variables.join(" "))} ${neighbours.flags}`, neighbours.secrets);
});
const madeModes = configModes();
const secrets = { ...secretsOfConfig() };
const holdsSecret = (text: string): boolean =>
  [...Object.values(secrets), identity].some(
    (secret) => secret !== undefined && secret.length > 8 && text.includes(secret),
  );
const leaks: string[] = [];

// Up, by docker-compose.
const engine = spawn("podman", ["system", "service", "--time=0", "unix:///run/podman.sock"], { stdio: "ignore" });
process.env["DOCKER_HOST"] = "unix:///run/podman.sock";
await until(async () => existsSync("/run/podman.sock"));
// What a timer of systemd does elsewhere.
const asksForHealth = setInterval(
  () => execFile("podman", ["healthcheck", "run", container("postgres")], () => {}),
  1_000,
);
const started = await step("up", () => type(without(start, "matrix provision")));
// A gateway that finds no database gives up and is started again.
const waitedForDatabase = (await inspect("gateway", "{{.RestartCount}}")) === "0";
await step("proxy", () => type(documented(page, "A reverse proxy").join("\n").replace("claw.example", "localhost")));

// As the internet comes in: by the proxy, by TLS.
let said = 0;
const say = async (how?: "slowly"): Promise<number> => {
  await neighbours.say("https://localhost", secrets["TELEGRAM_WEBHOOK_SECRET"] ?? "", ++said, how);
  return said;
};
const converse = async (): Promise<string> => neighbours.hears(await say());
const dockerFacts = await step("look", async () => {
  await until(async () => (await run("podman", "port", container("proxy"))).includes("443"));
  const answer = await converse();
  leaks.push(...leaksInCommandLines(holdsSecret));
  return { ...(await look()), answer, doctor: doctorLines(started) };
});
const databaseLogins = await inDatabase(
  "select distinct usename from pg_stat_activity where datname = 'openclaw' and application_name = 'openclaw' order by 1",
);
const tableOwnersOf = (): Promise<string[]> =>
  inDatabase("select distinct tableowner from pg_tables where schemaname = 'public'");
const tableOwners = await tableOwnersOf();
const databaseDefaultRoutes = await defaultRoutes("postgres");
const gatewayIsHealthy = await run("podman", "healthcheck", "run", container("gateway")).then(
  () => true,
  () => false,
);

// Day by day.
const reload = await step("reload", async () => {
  const pid = await inspect("gateway", "{{.State.Pid}}");
  editFile("openclaw.toml", (toml) => toml.replace("Watches the homelab", "Watches the garden"));
  const config = (): Promise<string> => type("docker compose exec gateway claw doctor --only gateway.config");
  const check = await type("docker compose exec gateway claw check");
  const before = doctorLines(await config());
  await type("docker compose kill -s HUP gateway");
  await until(async () => (await run("podman", "logs", container("gateway"))).includes("config taken over"));
  const after = doctorLines(await config());
  return { check, before, after, sameProcess: pid === (await inspect("gateway", "{{.State.Pid}}")) };
});

const answersAfterKill = await step("kill", async () => {
  const number = await say("slowly");
  await neighbours.asked(number);
  const killed = await inspect("gateway", "{{.State.Pid}}");
  process.kill(Number(killed), "SIGKILL");
  await until(
    () => inspect("gateway", "{{.State.Pid}}"),
    (pid) => !["0", killed].includes(pid),
    20_000,
  );
  await ready();
  await neighbours.hears(number);
  return neighbours.count(number);
});

const upgrade = await step("upgrade", async () => {
  const old = await inspect("gateway", "{{.Image}}");
  // What a build of a later version would leave: another image of the same name.
  writeFileSync(join(project, "next"), "FROM localhost/openclaw:latest\nLABEL org.opencontainers.image.version=next\n");
  const build = "BUILDAH_FORMAT=docker BUILDAH_ISOLATION=chroot docker build -q -t localhost/openclaw:latest -f next .";
  const [typed = ""] = documented(page, "Upgrade");
  const [first = "", last = ""] = without(typed, "git pull")
    .trim()
    .split(/(?=^docker compose up)/m);
  await type(first.replace("docker compose build", build));
  const number = await say("slowly");
  await neighbours.asked(number);
  await type(last);
  await ready();
  await neighbours.hears(number);
  return { toNewImage: old !== (await inspect("gateway", "{{.Image}}")), answers: neighbours.count(number) };
});

const backups = join(project, "backups");
const [backup = ""] = readdirSync(backups);
const identityFile = join(folder, "identity.txt");
writeFileSync(identityFile, `${identity}\n`, { mode: 0o600 });
const listing = await run("sh", "-c", 'age -d -i "$0" "$1" | tar -tz', identityFile, join(backups, backup));
const backupHolds = listing.trim().split("\n");
const backupMode = (statSync(join(backups, backup)).mode & 0o777).toString(8);

await step("stop", () => type("docker compose stop gateway"));
const log = await run("podman", "logs", container("gateway"));
const stopped = { code: await inspect("gateway", "{{.State.ExitCode}}"), drained: log.includes('"msg":"stopped"') };
if (holdsSecret(log)) leaks.push("the gateway's log");
if (holdsSecret(await run("podman", "logs", container("postgres")))) leaks.push("PostgreSQL's log");

// The machine is lost, but for the backup.
await step("lose everything", () => type("docker compose --profile proxy down -v"));
const restore = await step("restore", async () => {
  const second = clone(join(folder, "another-machine"));
  mkdirSync(join(second, "backups"));
  copyFileSync(join(backups, backup), join(second, "backups", basename(backup)));
  rmSync(project, { recursive: true });
  copyFileSync(identityFile, "/dev/shm/key.txt");
  const [typed = ""] = documented(page, "Restore");
  const restored = await type(typed.replaceAll("FILE", backup));
  await ready();
  const doctor = doctorLines(await type("docker compose exec gateway claw doctor"));
  const number = ++said;
  await neighbours.say("http://127.0.0.1:8080", secrets["TELEGRAM_WEBHOOK_SECRET"] ?? "", number);
  const answer = await neighbours.hears(number);
  const remembers = neighbours.wasShown("You said 2.");
  return { said: restored, configModes: configModes(), doctor, tableOwners: await tableOwnersOf(), answer, remembers };
});

// docs/secrets.md, OPENCLAW_KEY.
const rotation = await step("key", async () => {
  const fresh = newKey();
  const old = secrets["OPENCLAW_KEY"] ?? "";
  secrets["OPENCLAW_NEW_KEY"] = fresh;
  editFile(".env", (text) => `${text}OPENCLAW_NEW_KEY=${fresh}\n`);
  await type("docker compose stop gateway");
  const rotated = await type("docker compose run --rm gateway claw keys rotate");
  editFile(".env", (text) => text.replace(`OPENCLAW_KEY=${old}\n`, "").replace("OPENCLAW_NEW_KEY", "OPENCLAW_KEY"));
  await type("docker compose up -d");
  await ready();
  const number = ++said;
  await neighbours.say("http://127.0.0.1:8080", secrets["TELEGRAM_WEBHOOK_SECRET"] ?? "", number);
  const answer = await neighbours.hears(number);
  return { said: rotated, answer, remembers: neighbours.wasShown("You said 4.") };
});
await step("down", () => type("docker compose down"));
clearInterval(asksForHealth);
engine.kill();

// The same by podman-compose.
await step("podman-compose up", () => run("podman-compose", "up", "-d", ...services));
await step("podman-compose ready", ready);
const podmanFacts = await step("podman-compose look", async () => {
  const answer = await converse();
  leaks.push(...leaksInCommandLines(holdsSecret));
  const doctor = doctorLines(await type("podman-compose exec -T gateway claw doctor"));
  return { ...(await look()), answer, doctor };
});
const podmanBackup = await step("podman-compose backup", async () => {
  const there = (): number => readdirSync(join(folder, "another-machine/openclaw/backups")).length;
  const before = there();
  await type("podman-compose run --rm --no-deps backup");
  return there() === before + 1;
});
const [messagesKept] = await inDatabase("select count(*) from inbox");
if (holdsSecret(allPrinted())) leaks.push("what the programs print");
await step("podman-compose down", () => type("podman-compose down -t 35"));

const facts: ComposeSceneFacts = {
  ...{ seconds: timings(), configModes: madeModes, docker: dockerFacts, podman: podmanFacts, waitedForDatabase },
  ...{ databaseLogins, tableOwners, databaseDefaultRoutes, gatewayIsHealthy, reload, answersAfterKill, upgrade },
  ...{ backupHolds, backupMode, stopped, restore, rotation, podmanBackup, leaks },
  messagesKept: Number(messagesKept),
};
writeFileSync(join(folder, "facts.json"), JSON.stringify(facts, undefined, 2));
process.exit(0);
