import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ComposeFacts, ComposeSceneFacts } from "./support/compose/facts.ts";
import { output } from "./support/command.ts";
import { containerEnvironment } from "./support/container-store.ts";
import { ensureImage } from "./support/image.ts";
import { podmanPrograms, runInPrivatePodman } from "./support/private-podman.ts";
import { needs, needsRoot } from "./support/tools.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const profiles = ["synapse", "proxy", "backup"];

/** What `claw init` leaves, and a restore. */
const configModes = {
  ".env": "600",
  "openclaw.toml": "644",
  "postgres.env": "600",
  prompts: "755",
  "prompts/ops.md": "644",
};

/** What the doctor would have mended, but for a job that a restore rightly leaves to its reader. */
const unwell = (doctor: readonly string[]): string[] =>
  doctor.filter(
    (line) => /^(warn|fail) /.test(line) && !/jobs\.weekly-digest\.last .* restored from a backup/.test(line),
  );

/** A clone's compose.yaml with the files that `claw init` leaves, with canaries for secrets. */
function makeProject(): string {
  const project = join(mkdtempSync(join(tmpdir(), "openclaw-compose-")), "openclaw");
  mkdirSync(join(project, "config"), { recursive: true });
  for (const part of ["compose.yaml", "deploy"]) cpSync(join(root, part), join(project, part), { recursive: true });
  writeFileSync(join(project, "config/.env"), "OPENCLAW_KEY=canary-key\n");
  writeFileSync(join(project, "config/postgres.env"), "POSTGRES_PASSWORD=canary-password\n");
  return project;
}

interface Service {
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt: readonly string[];
  readonly mem_limit: string;
  readonly cpus: number;
  readonly pids_limit: number;
  readonly restart: string;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

describe(`compose.yaml${needs("docker-compose").why}`, { skip: needs("docker-compose").skip }, () => {
  let project = "";
  let services: Record<string, Service>;
  let networks: Record<string, { internal?: boolean }>;
  const config = (args: string[] = [], environment: Record<string, string> = {}): string =>
    execFileSync("docker-compose", [...args, "config"], {
      cwd: project,
      encoding: "utf8",
      env: { ...process.env, ...environment },
    });
  before(() => {
    project = makeProject();
    const all = config(profiles.flatMap((profile) => ["--profile", profile]));
    const asJson = ["-c", "import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"];
    const parsed = JSON.parse(execFileSync("python3", asJson, { input: all, encoding: "utf8" })) as {
      services: Record<string, Service>;
      networks: Record<string, { internal?: boolean }>;
    };
    ({ services, networks } = parsed);
  });
  after(() => rmSync(join(project, ".."), { recursive: true, force: true }));

  test("docker-compose takes it, with the gateway and its database outside of profiles", () => {
    assert.deepEqual(Object.keys(services).toSorted(), ["backup", "gateway", "postgres", "proxy", "synapse"]);
    const always = Object.entries(services).filter(([, service]) => service.profiles === undefined);
    assert.deepEqual(
      always.map(([name]) => name),
      ["gateway", "postgres"],
    );
  });

  test("every service is confined, limited, and comes back after a reboot", () => {
    for (const [name, service] of Object.entries(services)) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ["ALL"], name);
      assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
      assert.match(service.mem_limit, /^\d+[mg]$/, name);
      assert.equal(service.cpus, 1, name);
      assert.equal(service.pids_limit, 256, name);
      assert.equal(service.restart, name === "backup" ? "no" : "always", name);
    }
  });

  test("no service has a capability but for what its image cannot do without", () => {
    const added = Object.entries(services).map(([name, { cap_add = [] }]) => [name, [...cap_add]] as const);
    assert.deepEqual(Object.fromEntries(added), {
      backup: ["DAC_READ_SEARCH"],
      gateway: [],
      postgres: [],
      proxy: ["NET_BIND_SERVICE"],
      synapse: ["SETGID", "SETUID"],
    });
  });

  test("only the proxy publishes a port beyond loopback", () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    for (const [name = "", port = ""] of published)
      if (name !== "proxy") assert.match(port, /^127\.0\.0\.1:\d+:\d+/, name);
    assert.deepEqual(services["gateway"]?.ports?.toSorted(), ["127.0.0.1:8080:8080/tcp", "127.0.0.1:8081:8081/tcp"]);
    assert.equal(services["postgres"]?.ports, undefined);
  });

  test("the database's network has no way out and neither proxy nor homeserver in it", () => {
    assert.equal(networks["database"]?.internal, true);
    const inside = Object.entries(services).filter(([, service]) => "database" in service.networks);
    assert.deepEqual(
      inside.map(([name]) => name),
      ["backup", "gateway", "postgres"],
    );
  });

  test("secrets reach only who needs them, by the files of the config folder", () => {
    assert.doesNotMatch(readFileSync(join(project, "compose.yaml"), "utf8"), /password|token|secret=/i);
    const holders = (canary: string): string[] =>
      Object.entries(services)
        .filter(([, { environment = {} }]) => Object.values(environment).includes(canary))
        .map(([name]) => name);
    assert.deepEqual(holders("canary-key"), ["backup", "gateway"]);
    assert.deepEqual(holders("canary-password"), ["postgres"]);
  });

  test("another config folder is named by OPENCLAW_DIR", () => {
    const elsewhere = join(project, "elsewhere");
    cpSync(join(project, "config"), elsewhere, { recursive: true });
    assert.match(config([], { OPENCLAW_DIR: elsewhere }), /elsewhere:\/etc\/openclaw:ro,z/);
  });
});

const dryRun = needs("podman-compose");
// Debian 12's podman-compose 1.0.3 has no command "config"; a dry run prints what it would call podman with.
test(`podman-compose takes it: --dry-run up, as its 1.0.3 has no config${dryRun.why}`, { skip: dryRun.skip }, (t) => {
  const project = makeProject();
  t.after(() => rmSync(join(project, ".."), { recursive: true }));
  const lines = execFileSync("podman-compose", ["--podman-path", "/bin/true", "--dry-run", "up", "-d", "--no-build"], {
    cwd: project,
    encoding: "utf8",
  });
  const calls = lines.split("\n").filter((line) => /^\S+\/true run /.test(line));
  assert.equal(calls.length, 5);
  for (const call of calls)
    for (const flag of ["--read-only", "--cap-drop ALL", "--security-opt no-new-privileges:true", "--cpus 1", " -m "])
      assert.ok(call.includes(flag), `${flag}: ${call}`);
  const gateway = calls.find((call) => call.includes("--name=openclaw_gateway_1")) ?? "";
  assert.match(gateway, /-p 127\.0\.0\.1:8080:8080 -p 127\.0\.0\.1:8081:8081/);
  assert.doesNotMatch(lines, /canary/);
});

const scene = needsRoot(
  ...[...podmanPrograms, "podman-compose", "docker-compose", "psql", "caddy"],
  ...["buildah", "debootstrap", "age", "curl"],
);
describe(`brought up by real programs, with the gateway's own image${scene.why}`, { skip: scene.skip }, () => {
  let folder = "";
  let facts: ComposeSceneFacts;
  before(
    async () => {
      // Not in /tmp, which may be memory.
      folder = mkdtempSync("/var/tmp/openclaw-compose-");
      const program = fileURLToPath(new URL("support/compose/scene.ts", import.meta.url));
      const archive = join(folder, "gateway.tar");
      const env = await containerEnvironment();
      const image = await ensureImage(env);
      await output(["buildah", "push", "--quiet", image, `docker-archive:${archive}:localhost/openclaw:latest`], env);
      const { code, output: said } = await runInPrivatePodman(
        [process.execPath, "--import", join(root, "lib/boot.ts"), program, folder, archive],
        { folder, environment: { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, timeoutMs: 900_000 },
      );
      const file = join(folder, "facts.json");
      assert.ok(code === 0 && existsSync(file), said);
      facts = JSON.parse(readFileSync(file, "utf8")) as ComposeSceneFacts;
    },
    { timeout: 1_500_000 },
  );
  after(() => rmSync(folder, { recursive: true, force: true }));

  const bothSay = (what: string, claim: (seen: ComposeFacts) => void): void => {
    test(`by docker-compose, ${what}`, () => claim(facts.docker));
    test(`by podman-compose, ${what}`, () => claim(facts.podman));
  };

  bothSay("the services asked for run, and no other", ({ services }) =>
    assert.deepEqual(services, ["openclaw_gateway_1", "openclaw_postgres_1", "openclaw_proxy_1"]),
  );
  bothSay("a message is answered through the proxy", ({ answer }) => assert.match(answer, /^You said \d\.$/));
  bothSay("the doctor in the gateway's container finds nothing to mend", ({ doctor }) => {
    assert.ok(doctor.length > 25, doctor.join("\n"));
    assert.deepEqual(unwell(doctor), []);
    assert.ok(doctor.some((line) => /^ok +database\.role .* has no other rights$/.test(line)));
  });
  bothSay("the private listener's paths are 404 at the proxy", ({ closed }) =>
    assert.deepEqual(closed, { "/ops": 404, "/healthz": 404, "/metrics": 404, "/jobs": 404 }),
  );
  bothSay("the private listener is published on loopback alone", ({ publishedOn }) =>
    assert.deepEqual(publishedOn, [
      "443/tcp -> 0.0.0.0:443",
      "80/tcp -> 0.0.0.0:80",
      "8080/tcp -> 127.0.0.1:8080",
      "8081/tcp -> 127.0.0.1:8081",
    ]),
  );
  bothSay("each process has its uid, no capability it does not need, and no way to gain one", ({ processes }) => {
    const confined = (uid: string, capabilities = "0".repeat(16)) => ({
      Uid: uid,
      CapEff: capabilities,
      CapBnd: capabilities,
      NoNewPrivs: "1",
    });
    assert.deepEqual(processes, {
      postgres: confined("999"),
      gateway: confined("10001"),
      // CAP_NET_BIND_SERVICE
      proxy: confined("0", "0000000000000400"),
    });
  });
  bothSay("the engine was told of read-only roots and limits", ({ limits }) => {
    for (const [readOnly, memory, cpus] of Object.values(limits)) {
      assert.equal(readOnly, true);
      assert.ok(memory === 1 << 30 || memory === 1 << 28, `${memory}`);
      assert.equal(cpus, 1e9);
    }
  });
  test("by docker-compose, processes are limited; podman-compose 1.0.3 leaves that to podman's default", () =>
    assert.deepEqual(
      Object.values(facts.docker.limits).map(([, , , processes]) => processes),
      [256, 256, 256],
    ));
  test("by docker-compose, the gateway starts once the database is healthy", () =>
    assert.equal(facts.waitedForDatabase, true));
  test("the gateway works as a login that does not own the tables", () => {
    assert.deepEqual(facts.databaseLogins, ["openclaw_gateway"]);
    assert.deepEqual(facts.tableOwners, ["openclaw"]);
  });
  test("the database's container has no route out", () => assert.equal(facts.databaseDefaultRoutes, 0));
  test("the image's health check says that the gateway is well", () => assert.equal(facts.gatewayIsHealthy, true));
  test("`claw init` in the image leaves a config that the gateway's user reads, and secrets that it does not", () =>
    assert.deepEqual(facts.configModes, configModes));
  test("a changed config is checked, and taken over by a SIGHUP in the same process", () => {
    const { check, before, after, sameProcess } = facts.reload;
    assert.match(check, /^ops: Watches the garden\n[^]*openclaw\.toml is valid/);
    assert.doesNotMatch(check, /warning/);
    assert.deepEqual(
      [before, after].map((lines) => lines.map((line) => line.slice(0, 4).trim())),
      [["warn"], ["ok"]],
    );
    assert.equal(sameProcess, true);
  });
  test("what a gateway was at when it was killed is gone on with, and said once", () =>
    assert.equal(facts.answersAfterKill, 1));
  test("an upgrade is of the new image, and what was under way is said once", () =>
    assert.deepEqual(facts.upgrade, { toNewImage: true, answers: 1 }));
  test("the backup job leaves a file that age and the identity open, for nobody else to read", () => {
    for (const name of ["manifest.json", "config/openclaw.toml", "config/.env", "config/postgres.env"])
      assert.ok(facts.backupHolds.includes(name), facts.backupHolds.join());
    assert.equal(facts.backupMode, "600");
  });
  test("a stop drains", () => assert.deepEqual(facts.stopped, { code: "0", drained: true }));
  test("the backup is restored where nothing is left, and goes on with what was said", () => {
    const { said, tableOwners, answer, remembers } = facts.restore;
    assert.match(said, /Config: 4 files in \/etc\/openclaw\.\n[^]*\nAudit trail: .*; it is whole\.\n/);
    assert.deepEqual([tableOwners, answer, remembers], [["openclaw"], "You said 4.", true]);
    assert.deepEqual(facts.restore.configModes, configModes);
    assert.deepEqual(unwell(facts.restore.doctor), []);
  });
  test("with another OPENCLAW_KEY, what was said opens", () => {
    assert.match(facts.rotation.said, /sealed/i);
    assert.deepEqual([facts.rotation.answer, facts.rotation.remembers], ["You said 5.", true]);
  });
  test("podman-compose's backup job leaves a file, too", () => assert.equal(facts.podmanBackup, true));
  test("what was restored and said since is there after down and up, whichever program does it", () =>
    assert.equal(facts.messagesKept, 5));
  test("no secret is in a command line, a log, compose.yaml or what the programs print", () =>
    assert.deepEqual(facts.leaks, []));
});
