/** `claw doctor` on a machine with systemd: what it says of a job's timer, by what systemd really answers. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { newKey } from "../../lib/seal.ts";
import { jobConfig, jobToken } from "../support/job-config.ts";
import { testEnvironment } from "../support/gateway.ts";
import { type Machine, needsMachine, startMachine } from "./support/machine.ts";

const root = resolve(import.meta.dirname, "../..");
const { skip, why } = needsMachine();

describe(`claw doctor and systemd's timers${why}`, { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-doctor-machine-"));
  const unit = "openclaw-job-brief.timer";
  let machine: Machine;

  before(async () => {
    writeFileSync(join(folder, "openclaw.toml"), jobConfig());
    writeFileSync(join(folder, "prompt.md"), "You help with the homelab.\n");
    // node_modules may be elsewhere, by a link.
    const modules = dirname(realpathSync(join(root, "node_modules")));
    const binds = [...new Set([root, modules])].map((each) => `${each}:${each}`);
    machine = await startMachine([...binds, `${folder}:/srv/claw`]);
  });
  after(async () => {
    await machine?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const claw = (...argv: string[]) =>
    machine.sh(`cd ${root} && ${process.execPath} functions/claw.ts ${argv.join(" ")}`, {
      ...testEnvironment,
      ...{ OPENCLAW_CONFIG: "/srv/claw/openclaw.toml", OPENCLAW_KEY: newKey(), OPENCLAW_TOKEN: jobToken },
      ...{ DATABASE_URL: "postgres://nobody@127.0.0.1:9/none", PATH: "/usr/bin:/bin" },
    });
  const look = async (): Promise<string> => (await claw("doctor", "--only", "jobs.brief.timer")).out;

  test("a timer is missed, then found inactive, then well", async () => {
    assert.match(await look(), /^fail {2}\S+ {2}there is no openclaw-job-brief\.timer here, and nothing else asked/);
    const written = await claw(
      "timers",
      "systemd",
      "--system",
      "--dir",
      "/etc/systemd/system",
      "--token-file",
      "/etc/token",
    );
    assert.equal(written.status, 0, written.errors);
    await machine.do("systemctl daemon-reload");
    assert.match(await look(), /^fail .* is inactive\n +-> systemctl enable --now openclaw-job-brief\.timer\n/);
    await machine.do(`systemctl enable --now ${unit}`);
    assert.match(
      await look(),
      /^ok {4}jobs\.brief\.timer {2}openclaw-job-brief\.timer \(system\), next \d{4}-\d\d-\d\dT08:00\n/,
    );
  });

  test("a request that failed for want of its token file is told so", async () => {
    assert.notEqual((await machine.sh("systemctl start openclaw-job-brief.service")).status, 0);
    assert.match(await look(), /^fail .*last request failed \(exit-code 243\)\n +-> its token file is not there/);
    await machine.do("systemctl stop openclaw-job-brief.service; systemctl reset-failed openclaw-job-brief.service");
  });

  test("a timer that is not enabled, or was given another schedule, is told so", async () => {
    await machine.do(`systemctl disable ${unit}`);
    assert.match(await look(), /^warn .* is active, but not after a restart\n/);
    await machine.do(
      `sed -i s/08:00:00/09:30:00/ /etc/systemd/system/${unit} && systemctl daemon-reload && systemctl restart ${unit}`,
    );
    assert.match(await look(), /^fail .* goes by another schedule than "0 8 \* \* 1-5" \(Europe\/Berlin\)\n/);
  });
});
