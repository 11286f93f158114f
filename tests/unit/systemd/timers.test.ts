import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { type UnitOptions, unitsOf } from "../../../lib/systemd/timers.ts";
import type { Unit } from "../../../lib/systemd/unit.ts";

const now = new Date("2026-11-24T00:00Z");
const options: UnitOptions = {
  manager: "user",
  url: "http://127.0.0.1:8081",
  tokenFile: "%h/.config/openclaw/token",
  credential: "openclaw-token",
  encrypted: false,
  config: "/etc/openclaw/openclaw.toml",
};
const job = { name: "morning-briefing", schedule: "30 2 * * *", timezone: "Europe/Berlin" };
const units = (change: Partial<UnitOptions> = {}, of = job): [Unit, Unit] =>
  unitsOf(of, { ...options, ...change }, now);

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-units-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe("units", () => {
  test("a timer elapses by the schedule, makes up for what was missed once, and asks for the one job", () => {
    const [timer] = units();
    assert.equal(timer.name, "openclaw-job-morning-briefing.timer");
    for (const line of [
      "OnCalendar=*-*-* 02:30:00 Europe/Berlin",
      "# clocks go forward: what that skips is due then\nOnCalendar=Sun *-03-* 03:00:00 Europe/Berlin",
      "Persistent=true",
      "AccuracySec=1s",
      "Unit=openclaw-job-morning-briefing.service",
      "WantedBy=timers.target",
    ])
      assert.ok(timer.text.includes(`\n${line}\n`), line);
  });

  test("nothing in a path or a URL is a specifier, a variable or the end of a word", () => {
    const [, service] = units({ url: 'http://127.0.0.1:8081/a%20b/$HOME"' });
    assert.ok(service.text.includes(`"http://127.0.0.1:8081/a%%20b/$$HOME\\"/jobs/morning-briefing"\n`));
  });

  test("only a gateway on this machine is reached by a service of the system", () => {
    const locks = (url: string): string => units({ manager: "system", url })[1].text;
    assert.match(locks("http://127.0.0.1:8081"), /\nIPAddressDeny=any\n/);
    assert.match(locks("http://[::1]:8081"), /\nRestrictAddressFamilies=AF_INET AF_INET6\n[^]*\nIPAddressDeny=any\n/);
    assert.doesNotMatch(locks("http://10.0.0.2:8081"), /IPAddress/);
    assert.match(locks("http://gateway:8081"), /\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n/);
  });
});

const missing = (command: string): string =>
  spawnSync(command, ["--version"]).status === 0 ? "" : ` (skipped: ${command} is not installed)`;
const noSystemd = missing("systemd-analyze");
const noCurl = missing("curl") || (existsSync("/proc/self/cmdline") ? "" : " (skipped: there is no /proc)");

for (const manager of ["user", "system"] as const)
  test(`systemd finds nothing wrong with the units of a ${manager}${noSystemd}`, { skip: noSystemd !== "" }, (t) => {
    const directory = folder(t);
    const made = units({ manager, tokenFile: "/etc/openclaw/to%%ken" });
    for (const { name, text } of made) writeFileSync(join(directory, name), text);
    const files = made.map(({ name }) => join(directory, name));
    const env = { ...process.env, XDG_RUNTIME_DIR: directory };
    const verified = spawnSync("systemd-analyze", [`--${manager}`, "verify", ...files], { encoding: "utf8", env });
    assert.deepEqual([verified.status, verified.stderr], [0, ""]);
    for (const [, spec = ""] of (made[0]?.text ?? "").matchAll(/^OnCalendar=(.*)$/gm))
      assert.match(execFileSync("systemd-analyze", ["calendar", spec], { encoding: "utf8" }), /Next elapse: \w/);
    if (manager === "user") return;
    const service = join(directory, `openclaw-job-${job.name}.service`);
    // Zero is locked in wholly, ten not at all.
    const rated = spawnSync("systemd-analyze", ["security", "--offline=true", "--threshold=16", service]);
    assert.equal(rated.status, 0);
  });

/** The words of a unit's ExecStart=, as systemd reads them: none holds a variable that systemd itself fills in. */
function commandOf({ text }: Unit): string[] {
  const [, line = ""] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare = ""]) =>
    (quoted ?? bare).replace(/\\(.)/g, "$1").replaceAll("$$", "$").replaceAll("%%", "%"),
  );
}

/** The command lines and environments of a process and all below it. */
function shownBy(pid: number): string {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  const own = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")).join("\n");
  return [own, ...children.map((child) => shownBy(Number(child)))].join("\n");
}

describe("the service's command", { skip: noCurl !== "" }, () => {
  const secret = "canary-token-0123456789";

  async function asked(t: TestContext, status: (request: number) => number, content = `${secret}\n`) {
    const seen: { method: string; url: string; authorization: string | undefined }[] = [];
    let shown = "";
    const server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, authorization: headers.authorization });
      shown += shownBy(child.pid ?? 0);
      response.writeHead(status(seen.length), { "retry-after": "0" }).end(`{"attempt":${seen.length}}`);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const directory = folder(t);
    writeFileSync(join(directory, "openclaw-token"), content);
    const [, service] = units({ url: `http://127.0.0.1:${port}` });
    assert.ok(!service.text.includes(secret));
    const [command = "", ...args] = commandOf(service).map((word) =>
      word.replace("--retry-delay 15", "--retry-delay 1"),
    );
    const child = spawn(command, args, {
      env: { PATH: process.env["PATH"], CREDENTIALS_DIRECTORY: directory, http_proxy: "http://127.0.0.1:9" },
    });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    server.close();
    return { code, out, seen, shown };
  }

  test(`posts to the job with the token of the credential, which no command line and no environment shows${noCurl}`, async (t) => {
    const { code, out, seen, shown } = await asked(t, () => 202);
    assert.deepEqual(seen, [{ method: "POST", url: "/jobs/morning-briefing", authorization: `Bearer ${secret}` }]);
    assert.deepEqual([code, out], [0, '{"attempt":1}']);
    assert.ok(shown.includes("curl") && shown.includes("CREDENTIALS_DIRECTORY") && !shown.includes(secret));
  });

  test(`needs no end of line behind the token, and sends nothing that stands below it${noCurl}`, async (t) => {
    for (const content of [secret, `${secret}\nX-More: 1\n`])
      assert.equal((await asked(t, () => 200, content)).seen[0]?.authorization, `Bearer ${secret}`);
  });

  test(`asks again where the gateway cannot answer yet${noCurl}`, async (t) => {
    const { code, seen, out } = await asked(t, (request) => (request === 1 ? 503 : 200));
    assert.deepEqual([code, seen.length], [0, 2]);
    assert.ok(out.endsWith('{"attempt":2}'));
  });

  test(`ends with curl's 22, and what the gateway said, where it is refused${noCurl}`, async (t) => {
    const { code, out, seen } = await asked(t, () => 401);
    assert.deepEqual([code, out, seen.length], [22, '{"attempt":1}', 1]);
  });
});
