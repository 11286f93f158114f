import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { claw, type ClawResult } from "../support/claw.ts";
import { jobConfig, jobToken } from "../support/job-config.ts";

let directory = "";
let file = "";

before(() => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-timers-"));
  file = join(directory, "openclaw.toml");
  writeFileSync(join(directory, "prompt.md"), "You help with the homelab.\n");
});
after(() => rmSync(directory, { recursive: true }));

/** No secret is needed to write units. */
function timers(toml: string, ...argv: string[]): Promise<ClawResult> {
  writeFileSync(file, toml);
  return claw({ OPENCLAW_CONFIG: file, OPENCLAW_TOKEN: jobToken }, "timers", "systemd", ...argv);
}

const unitNames = ["brief.service", "brief.timer", "night.service", "night.timer"].map(
  (name) => `openclaw-job-${name}`,
);

test("prints a timer and a service for each job, by the listener of the config, and no secret", async () => {
  const { code, out, errors } = await timers(jobConfig({ listen: 'private = "0.0.0.0:9081"' }), "--user");
  assert.deepEqual([code, errors], [0, ""]);
  for (const name of unitNames) assert.ok(out.includes(`# ${name}\n`), name);
  assert.match(out, /^OnCalendar=Mon\.\.Fri \*-\*-\* 08:00:00 Europe\/Berlin$/m);
  assert.match(out, /^OnCalendar=\*-\*-\* 02:30:00 America\/New_York$/m);
  assert.match(out, / http:\/\/127\.0\.0\.1:9081\/jobs\/brief$/m);
  assert.match(out, /^LoadCredential=openclaw-token:%h\/\.config\/openclaw\/token$/m);
  assert.doesNotMatch(out, /DynamicUser|canary/);
});

test("writes them for the system's manager, tells what to run next, and removes those of a job that is gone", async () => {
  const units = join(directory, "system");
  const given = ["--system", "--dir", units, "--token-file", "/srv/claw/token"];
  const first = await timers(jobConfig(), ...given);
  assert.equal(first.code, 0, first.errors);
  assert.deepEqual(
    first.out.trim().split("\n").sort(),
    unitNames.map((name) => `wrote ${name}`),
  );
  assert.equal(
    first.errors,
    [
      "Next:",
      "  systemctl daemon-reload",
      "  systemctl enable --now openclaw-job-brief.timer openclaw-job-night.timer",
      "The value of listen.token must stand alone in /srv/claw/token, mode 0600.",
      "",
    ].join("\n"),
  );
  const service = readFileSync(join(units, "openclaw-job-brief.service"), "utf8");
  assert.match(service, /^LoadCredential=openclaw-token:\/srv\/claw\/token$/m);
  assert.match(service, /^DynamicUser=yes$/m);

  assert.equal((await timers(jobConfig(), ...given)).out, "Everything is as it should be.\n");

  const one = jobConfig();
  const second = await timers(one.slice(0, one.indexOf("[jobs.night]")), ...given);
  assert.deepEqual(second.out.trim().split("\n").sort(), [
    "removed openclaw-job-night.service",
    "removed openclaw-job-night.timer",
  ]);
  assert.match(second.errors, /^ {2}systemctl stop openclaw-job-night\.timer$/m);
  assert.deepEqual(readdirSync(units).sort(), unitNames.slice(0, 2));
});

test("says so where the gateway keeps the time itself, or there is no job", async () => {
  const internal = await timers(`scheduler = "internal"\n${jobConfig()}`);
  assert.match(internal.errors, /^scheduler = "internal": the gateway fires the jobs itself\./);
  const none = jobConfig();
  const { errors, out } = await timers(none.slice(0, none.indexOf("[jobs.brief]")));
  assert.deepEqual([errors, out], ["The config has no jobs: add [jobs.NAME].\n", ""]);
});

test("warns of a token that goes over the network in the clear", async () => {
  const url = "http://10.0.0.2:8081";
  assert.match(
    (await timers(jobConfig(), "--url", url)).errors,
    /^http:\/\/10\.0\.0\.2:8081 is no address of this machine/,
  );
});

test("refuses what it cannot write, with the form to write", async () => {
  const table: [string[], RegExp][] = [
    [["--user", "--system"], /^--user and --system: name one of them\n$/],
    [["--url", "ftp://x"], /^--url ftp:\/\/x: write it as http:\/\/127\.0\.0\.1:8081\n$/],
    [["--url", "http://me:secret@x"], /^--url .*: write it as /],
    [["--token-file", "a\nb"], /: a unit cannot name a path of two lines\n$/],
  ];
  for (const [argv, error] of table) {
    const { code, errors } = await timers(jobConfig(), ...argv);
    assert.equal(code, 1);
    assert.match(errors, error);
  }
});
