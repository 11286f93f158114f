/** docs/deploy-systemd.md, followed on a machine of its own whose process 1 is systemd. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { credentialName } from "../../lib/init/secrets.ts";
import type { ScriptedRequest, Turn } from "../support/model-server.ts";
import { until } from "../support/until.ts";
import { documented, without } from "./support/documented.ts";
import { type Machine, needsMachine } from "./support/machine.ts";
import { installAsDocumented, isDoctor, page } from "./support/systemd-install.ts";
import { givenSecrets, type Of, startSystemdStage, type SystemdStage } from "./support/systemd-stage.ts";

const { skip, why } = needsMachine();

/** Tries what a gateway that was taken over would; returns what it could do. Handed to the gateway as a tool of its own. */
function probe(): string {
  const attempts: Record<string, () => void> = {
    "read the home of root": () => readdirSync("/root"),
    "read the homes of others": () => readdirSync("/home/ada"),
    "read the file of secrets": () => readFileSync("/etc/openclaw/.env"),
    "see process 1": () => readFileSync("/proc/1/cmdline"),
    "see the machine's memory": () => readFileSync("/proc/meminfo"),
    "write to its config": () => writeFileSync("/etc/openclaw/probe", ""),
    "write to its code": () => writeFileSync("/opt/openclaw/probe", ""),
    "make a namespace": () => execFileSync("unshare", ["--uts", "--user", "true"], { stdio: "ignore" }),
    "gain a capability": () => assert.doesNotMatch(readFileSync("/proc/self/status", "utf8"), /^CapBnd:\s0+$/m),
    "write to /tmp": () => writeFileSync("/tmp/probe", ""),
    "write to its state": () => writeFileSync("/var/lib/openclaw/probe", ""),
  };
  const succeeds = (attempt: () => void): boolean => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  };
  return Object.keys(attempts)
    .filter((name) => succeeds(attempts[name]!))
    .join(", ");
}

const imports = `import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
`;
/** The function as this file runs it, without its types. */
const probeTool = `${imports}
export ${probe.toString()}
export default ({ defineTool, z }) => defineTool({
  name: "machine_probe", description: "Tries.", input: z.strictObject({}), labels: [], effect: "idempotent",
  timeoutMs: 10_000, outputLimit: 4_000, run: async () => probe(),
});
`;

const textOf = ({ content }: ScriptedRequest["messages"][number]): string => JSON.stringify(content ?? "");

async function script({ messages, tools }: ScriptedRequest): Promise<Turn> {
  if (isDoctor(tools)) return { toolCalls: [{ name: "report_ready", arguments: {} }] };
  const last = messages.at(-1);
  if (last?.role === "tool") return { text: `It can ${String(last.content)}.` };
  const said = last ? textOf(last) : "";
  if (said.includes("try it")) return { toolCalls: [{ name: "machine_probe", arguments: {} }] };
  if (said.includes("slowly")) return { text: "I took my time.", delay: 400 };
  const number = /say (\d+)/.exec(said)?.[1];
  return { text: number === undefined ? "The briefing." : `You said ${number}.` };
}

describe(`a gateway under systemd${why}`, { skip }, () => {
  let on: SystemdStage;
  let machine: Machine;
  const file = (path: string): string => join(machine.root, path);
  const config = (): string => join(on.folder("system"), "openclaw.toml");
  const show = async (property: string): Promise<string> =>
    (await machine.do(`systemctl show --value --property=${property} openclaw`)).trim();
  const journal = (): Promise<string> => machine.do("journalctl --no-pager -o cat -u openclaw");
  const unitNames = (): string[] =>
    readdirSync(file("etc/systemd/system"))
      .filter((name) => /^openclaw.*\.(service|timer)$/.test(name))
      .sort();
  async function answers(to: Of, number: number): Promise<void> {
    assert.equal(await on.say(to, `say ${number}`), 200);
    await on.hears(new RegExp(`^You said ${number}\\.$`));
  }

  before(async () => {
    on = await startSystemdStage(script);
    ({ machine } = on);
  });
  after(() => on?.remove());

  test("is installed, started and given its timers and its backups as the page says, and answers", async () => {
    await installAsDocumented(on, probeTool);
    await answers("system", 1);
  });

  test("is looked at as the page says: claw doctor, as root, sees all of it and finds nothing to mend", async () => {
    const [, look = ""] = documented(page, "Start");
    const shown = await machine.do(look);
    assert.match(shown, /"msg":"ready"/);
    const told = shown.split("\n").filter((line) => /^(ok|warn|fail|-) /.test(line));
    assert.ok(told.length > 25, shown);
    // A price is nobody's for a stand-in; whether a clock is set by others is this machine's; a readiness may be of before the webhook.
    const notWell = told.filter((line) => !line.startsWith("ok"));
    assert.deepEqual(
      notWell.filter(
        (line) =>
          !/ (files\.checkpoints|gateway\.parts|telegram\.home\.url|models\.main\.price|clock\.\S+) /.test(line),
      ),
      [],
    );
    assert.match(shown, /^ok +jobs\.brief\.timer +openclaw-job-brief\.timer \(system\)/m);
    assert.match(shown, /^ok +gateway\.config +version \S+ with this very config/m);
  });

  test("has units in which systemd finds nothing wrong, and an exposure of 2.0 at most", async () => {
    assert.deepEqual(unitNames(), [
      ...["openclaw-backup.service", "openclaw-backup.timer"],
      ...["openclaw-job-brief.service", "openclaw-job-brief.timer", "openclaw.service"],
    ]);
    const verified = await machine.sh(`cd /etc/systemd/system && systemd-analyze verify ${unitNames().join(" ")}`);
    assert.deepEqual([verified.status, verified.errors], [0, ""]);
    for (const service of unitNames().filter((name) => name.endsWith(".service")))
      await machine.do(`systemd-analyze security --no-pager --threshold=20 ${service}`);
  });

  test("is locked in: what it runs reads and writes no more than it must", async () => {
    const everything = (
      await machine.do(
        `cd /etc/openclaw/tools && /opt/openclaw/node_modules/.bin/node -e 'import("./probe.ts").then(({ probe }) => console.log(probe()))'`,
      )
    ).trim();
    assert.equal(everything.split(", ").length, 11, `none of the locks holds root: ${everything}`);
    await machine.do("rm /tmp/probe /var/lib/openclaw/probe /etc/openclaw/probe /opt/openclaw/probe");
    assert.equal(await on.say("system", "try it"), 200);
    await on.hears(/^It can write to \/tmp, write to its state\.$/);
    assert.equal((await machine.sh("test -e /tmp/probe")).status, 1, "its /tmp is its own");
  });

  test("shows no secret in a unit, a command line or the journal", async () => {
    const shown = await machine.do(
      "cat /etc/systemd/system/openclaw* /proc/[0-9]*/cmdline; systemctl show 'openclaw*'; journalctl --no-pager -o verbose",
    );
    assert.ok(shown.includes("functions/server.ts") && shown.includes("OpenClaw: a gateway"));
    const secrets = Object.entries(on.secrets("system"));
    assert.equal(secrets.length, 5);
    for (const [name, secret] of secrets) assert.ok(!shown.includes(secret), name);
  });

  test("is backed up beside its work, by a unit that goes as its user", async () => {
    await machine.do("systemctl start openclaw-backup.service");
    writeFileSync(file("root/identity.txt"), `${on.identity}\n`, { mode: 0o600 });
    const verified = await machine.do(
      "claw backup verify /var/lib/openclaw-backup/*.age --identity /root/identity.txt",
    );
    assert.match(verified, /\.age is whole: .*, with secrets\./);
    const kept = await machine.do(
      "age --decrypt --identity /root/identity.txt /var/lib/openclaw-backup/*.age | tar --extract --gzip --to-stdout config/.env",
    );
    for (const [name, secret] of Object.entries(on.secrets("system"))) assert.ok(kept.includes(secret), name);
    await answers("system", 3);
  });

  test("is asked for a job by its timer, which makes up for what was missed while the machine was off", async () => {
    await machine.do(
      "systemctl stop openclaw-job-brief.timer && touch -d '4 days ago' /var/lib/systemd/timers/stamp-openclaw-job-brief.timer && systemctl start openclaw-job-brief.timer",
    );
    await on.hears(/\n\nThe briefing\.$/);
    await machine.do("systemctl start openclaw-job-brief.service");
    assert.equal(on.heard().filter((text) => text.includes("The briefing.")).length, 1);
  });

  test("takes a config over by a reload, and refuses an invalid one with the reason", async () => {
    const good = readFileSync(config(), "utf8");
    writeFileSync(config(), good.replace("Europe/Berlin", "Nowhere"));
    const refused = await machine.sh("systemctl reload openclaw");
    assert.notEqual(refused.status, 0);
    assert.match(await journal(), /openclaw\.toml: timezone: must be an IANA time zone/);
    assert.equal(await show("ActiveState"), "active");
    writeFileSync(config(), good.replace("Watches the homelab", "Watches the garden"));
    await machine.do("systemctl reload openclaw");
    await until(async () => (await journal()).includes("config taken over"));
  });

  test("is started again once it was killed, and goes on", async () => {
    await machine.do("systemctl kill --signal=KILL --kill-whom=main openclaw");
    await until(
      async () => [await show("NRestarts"), await show("ActiveState")],
      ([restarts, state]) => restarts === "1" && state === "active",
    );
    await answers("system", 2);
  });

  test("ends what it is at before it stops, and leaves no process", async () => {
    assert.equal(await on.say("system", "slowly"), 200);
    await until(() => Promise.resolve(on.model.requests.some(({ body }) => JSON.stringify(body).includes("slowly"))));
    await machine.do("systemctl stop openclaw");
    assert.ok(on.heard().includes("I took my time."));
    assert.deepEqual([await show("Result"), await show("ExecMainStatus")], ["success", "0"]);
    assert.equal(
      (await machine.sh("grep --files-with-matches '/opt/openclaw/[n]ode_modules' /proc/[0-9]*/cmdline")).out,
      "",
    );
  });

  test("is not started over and over with an invalid config, and systemctl says that it failed", async () => {
    const good = readFileSync(config(), "utf8");
    writeFileSync(config(), good.replace("Europe/Berlin", "Nowhere"));
    assert.notEqual((await machine.sh("systemctl start openclaw")).status, 0);
    assert.deepEqual([await show("ExecMainStatus"), await show("ActiveState")], ["78", "failed"]);
    writeFileSync(config(), good);
  });

  test("waits for a secret that is late: it is started again until the file is there", async () => {
    const good = readFileSync(config(), "utf8");
    writeFileSync(config(), good.replace('{ env = "OPENCLAW_TOKEN" }', '{ file = "/run/late/token" }'));
    await machine.do("systemctl reset-failed openclaw && systemctl start --no-block openclaw");
    await until(
      async () => [await show("ExecMainStatus"), await show("NRestarts")],
      ([status, restarts]) => status === "75" && Number(restarts) >= 1,
    );
    assert.match(await journal(), /listen\.token: .*\/run\/late\/token/);
    await machine.do("install -D --mode=644 /etc/openclaw/token /run/late/token");
    await until(
      () => show("ActiveState"),
      (state) => state === "active",
    );
    await answers("system", 6);
    await machine.do("systemctl stop openclaw");
    writeFileSync(config(), good);
  });

  test("has its secrets as credentials, encrypted by the machine, and is back with its data after a restart of the machine", async () => {
    const toml = readFileSync(config(), "utf8");
    writeFileSync(
      config(),
      toml.replaceAll(/\{ env = "(\w+)" \}/g, (_, name: string) => `{ credential = "${credentialName(name)}" }`),
    );
    const [made = "", encrypted = "", decrypt = ""] = documented(page, "Secrets as credentials");
    await machine.do(without(made, "claw keys new"));
    for (const [name, value] of Object.entries(on.secrets("system")))
      writeFileSync(join(on.folder("system"), "credentials", credentialName(name)), `${value}\n`, { mode: 0o600 });
    await machine.do(`rm /etc/openclaw/.env /etc/openclaw/token\n${encrypted}`);
    await machine.do("claw timers systemd --dir /etc/systemd/system --encrypted && systemctl daemon-reload");
    await machine.reboot();
    assert.equal(await show("ActiveState"), "active");
    await answers("system", 4);
    const request = JSON.stringify(on.model.requests.at(-1)?.body);
    assert.ok(request.includes("You said 3."), "what was said before");
    await machine.do("systemctl start openclaw-job-brief.service");
    const stored = await machine.do("cat /etc/openclaw/credentials/*");
    for (const secret of Object.values(on.secrets("system"))) assert.ok(!stored.includes(secret));
    await machine.do("systemctl stop openclaw");
    assert.notEqual((await machine.sh("claw check")).status, 0, "they are encrypted");
    assert.match(await machine.do(decrypt), /1 agent/);
    const again = documented(page, "Upgrade")
      .join("\n")
      .split("\n")
      .filter((line) => line.startsWith("claw service"));
    assert.equal(await machine.do(again.join("\n")), "Everything is as it should be.\n");
    assert.ok(unitNames().includes("openclaw-backup.timer"));
  });

  test("runs as an ordinary user's service too, with its timers, and answers", async () => {
    await machine.do("loginctl enable-linger ada && mkdir ~ada/openclaw && ln -s /opt/openclaw/* ~ada/openclaw/");
    await machine.do("chown -R --no-dereference ada: ~ada/openclaw");
    await until(async () => (await machine.sh("systemctl is-active user@$(id -u ada).service")).status === 0);
    const user = (await machine.do("id -u ada")).trim();
    const asAda = (steps: string): Promise<string> => {
      const typed = steps.replaceAll("npx claw", "node_modules/.bin/node functions/claw.ts");
      const session = `env XDG_RUNTIME_DIR=/run/user/${user} HOME=/home/ada`;
      return machine.do(
        `exec setpriv --reuid ada --regid ada --init-groups ${session} sh -ec 'cd ~/openclaw\n${typed}'`,
        givenSecrets,
      );
    };
    const [typed = ""] = documented(page, "As an ordinary user");
    const [init = "", ...start] = without(typed, "enable-linger", "git clone", "npm ci").trim().split("\n");
    await asAda(`${init} ${on.answers("user")}`);
    on.complete("user", probeTool);
    await asAda(start.join("\n"));
    await answers("user", 5);
    writeFileSync(file("home/ada/token"), on.secrets("user")["OPENCLAW_TOKEN"] ?? "");
    await machine.do("install -D --mode=600 --owner=ada ~ada/token ~ada/.config/openclaw/token");
    await asAda("npx claw timers systemd --dir ~/.config/systemd/user && systemctl --user daemon-reload");
    await asAda("systemctl --user start openclaw-job-brief.service");
    await until(() => Promise.resolve(on.heard().filter((text) => text.includes("The briefing.")).length === 2));
  });

  test("is removed as the page says", async () => {
    await machine.do(without(documented(page, "Remove").join("\n"), "rm -r /opt/openclaw"));
    assert.deepEqual(unitNames(), []);
    assert.deepEqual(readdirSync(file("var/lib/private")), ["openclaw-backup"]);
  });
});
