/** What docs/deploy-systemd.md says for later: an upgrade, a machine that is lost, a PostgreSQL of the machine. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findBinaries } from "../../lib/db/embedded-binaries.ts";
import { freePort } from "../support/free-port.ts";
import type { ScriptedRequest, Turn } from "../support/model-server.ts";
import { until } from "../support/until.ts";
import { documented, without } from "./support/documented.ts";
import { type Machine, needsMachine } from "./support/machine.ts";
import { installAsDocumented, isDoctor, page } from "./support/systemd-install.ts";
import { startSystemdStage, type SystemdStage } from "./support/systemd-stage.ts";
import { needs } from "./support/tools.ts";

const machines = needsMachine();
const { skip, why } = machines.skip ? machines : needs("psql", "openssl");

const idleTool = `export default ({ defineTool, z }) => defineTool({
  name: "machine_probe", description: "Does nothing.", input: z.strictObject({}), labels: [], effect: "idempotent",
  timeoutMs: 10_000, outputLimit: 4_000, run: async () => "done",
});
`;

async function script({ messages, tools }: ScriptedRequest): Promise<Turn> {
  if (isDoctor(tools)) return { toolCalls: [{ name: "report_ready", arguments: {} }] };
  const said = JSON.stringify(messages.at(-1)?.content ?? "");
  if (said.includes("slowly")) return { text: "I took my time.", delay: 400 };
  return { text: `You said ${/say (\d+)/.exec(said)?.[1]}.` };
}

describe(`a gateway under systemd, later${why}`, { skip }, () => {
  let on: SystemdStage;
  let machine: Machine;
  async function answers(number: number): Promise<void> {
    assert.equal(await on.say("system", `say ${number}`), 200);
    await on.hears(new RegExp(`^You said ${number}\\.$`));
  }
  const lastRequest = (): string => JSON.stringify(on.model.requests.at(-1)?.body);
  const giveIdentity = (): Promise<string> =>
    machine.do("umask 077 && cat >/run/identity.txt <<END\n" + `${on.identity}\nEND`);
  /** Of files of the state that are not the service's. */
  const foreign = (): Promise<string> => machine.do("find /var/lib/openclaw/ ! -user openclaw");

  before(async () => {
    on = await startSystemdStage(script);
    ({ machine } = on);
    await installAsDocumented(on, idleTool);
    await machine.do("claw telegram set-webhook");
  });
  after(() => on?.remove());

  test("is upgraded as the page says: what it was at is ended before, what was said is known after, and its backups stay", async () => {
    await answers(1);
    assert.equal(await on.say("system", "slowly"), 200);
    await until(() => Promise.resolve(lastRequest().includes("slowly")));
    const lines = without(documented(page, "Upgrade").join("\n"), "git pull").trim().split("\n");
    assert.equal(lines.shift(), "systemctl stop openclaw");
    await machine.do("systemctl stop openclaw");
    assert.equal(on.heard().filter((text) => text === "I took my time.").length, 1);
    const code = join(machine.root, "opt/openclaw/package.json");
    const older = JSON.parse(readFileSync(code, "utf8")) as { version: string };
    writeFileSync(code, JSON.stringify({ ...older, version: "99.0.0" }));
    await machine.do(lines.join("\n"));
    await answers(2);
    assert.ok(lastRequest().includes("I took my time."));
    assert.match(
      await machine.do("claw doctor --only gateway.config"),
      /^ok .* version 99\.0\.0 with this very config/,
    );
    assert.match(await machine.do("systemctl list-timers --no-pager"), /openclaw-backup\.timer/);
  });

  test("comes back from its backup alone: config, secrets and state are its own again, and old runs open", async () => {
    await machine.do("systemctl start openclaw-backup && cp /var/lib/openclaw-backup/*.age /root/openclaw.tar.gz.age");
    await machine.do("systemctl stop 'openclaw*'");
    await machine.do(
      "rm -r /etc/openclaw /var/lib/openclaw /var/lib/openclaw-backup /var/lib/private /etc/systemd/system/openclaw* && systemctl daemon-reload",
    );
    await giveIdentity();
    // This house has tools of its own, which are run for nobody unknown.
    const verified = await machine.do("claw backup verify /root/openclaw.tar.gz.age --identity /run/identity.txt");
    const key = /^Signed by (\S+)\.$/m.exec(verified)?.[1] ?? "";
    const [recovery = ""] = documented(page, "Recovery").map((block) => block.replace(" --dir", ` --key ${key} --dir`));
    assert.match(await machine.do(recovery), /Audit trail: 3 runs, .*; it is whole\./);
    assert.equal(await foreign(), "");
    const kept = readFileSync(join(on.folder("system"), ".env"), "utf8");
    for (const [name, secret] of Object.entries(on.secrets("system"))) assert.ok(kept.includes(secret), name);
    for (const block of [...documented(page, "Timers"), ...documented(page, "Backup")]) await machine.do(block);
    await answers(3);
    assert.ok(lastRequest().includes("You said 2."), "what was said before");
    const runs = (await machine.do("claw audit list")).trim().split("\n");
    assert.equal(runs.length, 4);
    const { id } = JSON.parse(runs.at(-1) ?? "") as { id: string };
    assert.match(await machine.do(`claw audit show ${id}`), /You said 1\./);
    await machine.do("systemctl start openclaw-backup openclaw-job-brief");
    await machine.do("claw doctor");
  });

  test("is moved into a PostgreSQL of the machine by root, whose commands run the embedded one while the service is stopped", async () => {
    const port = await freePort();
    const { initdb, postgres } = await findBinaries();
    const programs = `/opt/openclaw/node_modules/${dirname(postgres).split("/node_modules/").at(-1)}`;
    assert.equal(dirname(initdb), dirname(postgres));
    const data = "/srv/postgres";
    await machine.do(`id postgres >/dev/null 2>&1 || useradd --system postgres
      install -d -o postgres ${data}
      setpriv --reuid postgres --regid postgres --clear-groups ${programs}/initdb -D ${data} -U postgres --auth-local=peer --auth-host=scram-sha-256 --no-sync`);
    // Debian's is called so.
    writeFileSync(
      join(machine.root, "etc/systemd/system/postgresql.service"),
      `[Service]
Type=exec
User=postgres
RuntimeDirectory=postgresql
ExecStart=${programs}/postgres -D ${data} -p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=/run/postgresql
KillSignal=SIGINT
`,
    );
    const server = { PGPORT: String(port), PGHOST: "/run/postgresql" };
    await machine.do("systemctl daemon-reload && systemctl start postgresql");
    await until(async () => (await machine.sh("pg_isready", server)).status === 0);
    const [install = "", save = "", take = ""] = documented(page, "A PostgreSQL of the machine");
    await machine.do(save);
    assert.equal(
      (await machine.do("find /var/lib/openclaw/ -user root")).trim(),
      "",
      "all of it is the service's still",
    );
    const made = without(install, "apt-get install", "systemctl restart").replace(":5432/", `:${port}/`);
    await machine.do(made, server);
    await giveIdentity();
    assert.match(await machine.do(take), /What was under way is gone on with/);
    await answers(4);
    assert.ok(lastRequest().includes("You said 3."));
    const looked = await machine.do("claw doctor --only database");
    assert.match(looked, /^ok +database\.tables +every migration is applied$/m);
    assert.equal((await machine.do("stat --format=%a /etc/openclaw/.env")).trim(), "600");
    await machine.do("systemctl restart postgresql");
    await until(async () => (await machine.sh("claw doctor --only database gateway")).status === 0);
    await answers(5);
  });
});
