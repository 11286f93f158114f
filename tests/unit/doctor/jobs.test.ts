import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Config } from "../../../lib/config/config.ts";
import { unitsOf } from "../../../lib/systemd/timers.ts";
import { lastSlot, nextSlot } from "../../../lib/time/slots.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { jobToken } from "../../support/job-config.ts";
import { type Served, serve } from "../sources/serve.ts";
import { configIn, examine, lineOf } from "./support.ts";

const tables = `
[listen]
token = { env = "OPENCLAW_TOKEN" }
[jobs.brief]
agent = "ops"
schedule = "0 8 * * *"
prompt = "prompt.md"
deliver = ["telegram:1001"]
`;

describe("the doctor on jobs", () => {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-doctor-jobs-"));
  const path = process.env["PATH"] ?? "";
  let database: TestDatabase;
  let gateway: Served;
  let config: Config;
  before(async () => {
    database = await createTestDatabase();
    gateway = await serve(({ path: asked, headers }, response) => {
      const right = asked === "/healthz" || headers.authorization === `Bearer ${jobToken}`;
      response.writeHead(right ? 200 : 401).end("{}");
    });
    config = configIn(folder, { more: tables });
    process.env["PATH"] = `${folder}${delimiter}${path}`;
  });
  after(async () => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
    await gateway.stop();
    await database.drop();
  });
  beforeEach(async () => {
    await database.sql`delete from job_slots`;
    await database.sql`delete from jobs`;
    systemctl(undefined);
  });

  const job = () => {
    const found = config.jobs.get("brief");
    assert.ok(found);
    return found;
  };

  /** A systemctl that answers `show` as systemd 252 does, for the system's manager alone; undefined: no manager answers. */
  function systemctl(units: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined): void {
    const known = Object.entries(units ?? {}).map(
      ([unit, properties]) =>
        `${unit}) cat <<'EOF'\n${Object.entries(properties)
          .map(([name, value]) => `${name}=${value}`)
          .join("\n")}\nEOF\n;;`,
    );
    const script =
      units === undefined
        ? "echo 'System has not been booted with systemd as init system' >&2; exit 1"
        : `[ "$1" = --user ] && { echo 'Failed to connect to bus' >&2; exit 1; }
case "$2" in
${known.join("\n")}
*) printf 'LoadState=not-found\\nActiveState=inactive\\n' ;;
esac`;
    writeFileSync(join(folder, "systemctl"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "systemctl"), 0o755);
  }

  const written = (at: Date | undefined): string => `Mon ${at?.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const timer = (more: Record<string, string> = {}) => ({
    "openclaw-job-brief.timer": {
      ...{
        LoadState: "loaded",
        ActiveState: "active",
        UnitFileState: "enabled",
        FragmentPath: join(folder, "brief.timer"),
      },
      NextElapseUSecRealtime: written(nextSlot(job(), new Date())),
      ...more,
    },
    "openclaw-job-brief.service": {
      LoadState: "loaded",
      ActiveState: "inactive",
      Result: "success",
      ExecMainStatus: "0",
    },
  });
  const unitFile = (text: string): void => writeFileSync(join(folder, "brief.timer"), text);
  const options = {
    manager: "system",
    url: "http://127.0.0.1:8081",
    tokenFile: "/t",
    credential: "openclaw-token",
    encrypted: false,
    config: "/c",
  } as const;

  const look = (only = "jobs", environment: Record<string, string> = {}, top = "") =>
    examine(
      { more: tables, top, environment: { DATABASE_URL: database.url, OPENCLAW_TOKEN: jobToken, ...environment } },
      [only],
      gateway.url,
    );
  const line = async (which: string, top = ""): Promise<string> =>
    lineOf(await look(`jobs.brief.${which}`, {}, top), `jobs.brief.${which}`);

  test("a token that the gateway does not take is told, and not shown", async () => {
    assert.equal(lineOf(await look(), "jobs.token"), "ok: the gateway takes listen.token");
    const found = await look("jobs", { OPENCLAW_TOKEN: testEnvironment["OPENCLAW_TOKEN"] ?? "" });
    assert.match(
      lineOf(found, "jobs.token"),
      /^fail: the gateway refuses listen\.token -> it was started with another/,
    );
    assert.doesNotMatch(JSON.stringify(found), /canary/);
  });

  test("the gateway's own clock needs no timer", async () => {
    assert.match(
      await line("timer", 'scheduler = "internal"'),
      /^ok: by the gateway's own clock, next \d{4}-\d\d-\d\dT08:00$/,
    );
  });

  test("where systemd is not seen, that is said; where it has no timer, that is a failure", async () => {
    assert.match(await line("timer"), /^skipped: systemd is not seen from here, so neither is its timer, next /);
    systemctl({});
    assert.match(
      await line("timer"),
      /^fail: there is no openclaw-job-brief\.timer here, and nothing else asked for its last slot -> claw timers systemd/,
    );
  });

  test("something else that asks in time is enough", async () => {
    systemctl({});
    const due = lastSlot(job(), new Date());
    await database.sql`insert into job_slots (job, slot, cause, state) values ('brief', ${due ?? null}, 'timer', 'done')`;
    assert.match(await line("timer"), /^ok: something asks for it in time, though no timer is seen here/);
  });

  test("a timer that is active and elapses at the next slot is well", async () => {
    unitFile(unitsOf(job(), options, new Date())[0].text);
    systemctl(timer());
    assert.match(await line("timer"), /^ok: openclaw-job-brief\.timer \(system\), next \d{4}-\d\d-\d\dT08:00$/);
  });

  test("a timer that is not started, or not after a restart, is mended by systemctl enable", async () => {
    systemctl(timer({ ActiveState: "inactive", NextElapseUSecRealtime: "" }));
    assert.equal(
      await line("timer"),
      "fail: openclaw-job-brief.timer is inactive -> systemctl enable --now openclaw-job-brief.timer",
    );
    systemctl(timer({ UnitFileState: "disabled" }));
    assert.match(
      await line("timer"),
      /^warn: .* is active, but not after a restart -> systemctl enable openclaw-job-brief\.timer$/,
    );
  });

  test("a timer of another schedule is told, by when it elapses and by its file", async () => {
    const other =
      /^fail: openclaw-job-brief\.timer goes by another schedule than "0 8 \* \* \*" \(Europe\/Berlin\) -> write it anew: claw timers systemd --system --dir FOLDER/;
    systemctl(timer({ NextElapseUSecRealtime: written(new Date(Date.now() + 40 * 86_400_000)) }));
    assert.match(await line("timer"), other);
    unitFile(unitsOf({ ...job(), schedule: "0 7 * * *" }, options, new Date())[0].text);
    systemctl(timer({ NextElapseUSecRealtime: written(new Date(Date.now() + 60_000)) }));
    assert.match(await line("timer"), other);
    unitFile("[Timer]\nOnCalendar=hourly\n");
    assert.match(await line("timer"), /^ok: /, "a file that is not ours is judged by when it elapses");
  });

  test("a request of the timer's that failed is told by what curl or systemd said", async () => {
    const failed = (status: string) => ({
      ...timer(),
      "openclaw-job-brief.service": {
        LoadState: "loaded",
        ActiveState: "failed",
        Result: "exit-code",
        ExecMainStatus: status,
      },
    });
    unitFile(unitsOf(job(), options, new Date())[0].text);
    for (const [status, remedy] of [
      ["22", /the gateway refused it: is the token in the timer's token file listen\.token\?/],
      ["243", /its token file is not there or may not be read/],
      ["7", /the gateway was not reached by the timer's --url/],
      ["3", /-> journalctl -u openclaw-job-brief\.service says more/],
    ] as const) {
      systemctl(failed(status));
      const said = await line("timer");
      assert.match(
        said,
        new RegExp(`^fail: openclaw-job-brief\\.timer's last request failed \\(exit-code ${status}\\)`),
      );
      assert.match(said, remedy);
    }
  });

  test("a slot that nothing asked for is told with how to make up for it", async () => {
    assert.match(await line("last"), /^skipped: no gateway knows it yet/);
    await database.sql`insert into jobs (name, known_since) values ('brief', now() - interval '3 days')`;
    assert.match(
      await line("last"),
      /^fail: was due at \d{4}-\d\d-\d\dT08:00, and nothing asked for it -> see jobs\.brief\.timer; claw jobs run brief makes up for it$/,
    );
    await database.sql`update jobs set known_since = now()`;
    assert.match(await line("last"), /^ok: was not due yet; next /);
  });

  test("the last slot is told with its state, a failed one with its reason", async () => {
    const due = lastSlot(job(), new Date()) ?? null;
    await database.sql`insert into jobs (name, known_since) values ('brief', now() - interval '3 days')`;
    await database.sql`insert into job_slots (job, slot, cause, state) values ('brief', ${due}, 'clock', 'quiet')`;
    assert.match(await line("last"), /^ok: \S+T08:00: quiet; next \S+T08:00$/);
    await database.sql`
      insert into job_slots (job, slot, attempt, cause, state, reason) values ('brief', ${due}, 2, 'retry', 'failed', ${"the model\ndid not answer"})`;
    assert.match(
      await line("last"),
      /^warn: \S+T08:00: failed, the model did not answer -> claw jobs history brief; claw jobs rerun brief tries it again$/,
    );
  });
});
