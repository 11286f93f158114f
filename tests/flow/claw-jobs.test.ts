import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { claw, type ClawResult } from "../support/claw.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { testEnvironment } from "../support/gateway.ts";
import { jobConfig, jobToken } from "../support/job-config.ts";

/** Stands in for the gateway's /jobs: what was asked, and what it answers. */
const gateway = { asked: [] as string[], answer: { status: 202, body: {} as unknown } };

let database: TestDatabase;
let server: Server;
let directory = "";
const runId = "0198c0de-0000-8000-8000-000000000001";

const attempt = (change: object): object => ({
  ...{ job: "brief", slot: "2026-11-24T07:00:00.000Z", local: "2026-11-24T08:00", attempt: 1, state: "new" },
  ...{ cause: "timer", run: runId, reason: null, ...change },
});

before(async () => {
  database = await createTestDatabase();
  server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    gateway.asked.push(`${method} ${url} ${headers.authorization === `Bearer ${jobToken}` ? "as us" : "as nobody"}`);
    response.writeHead(gateway.answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(gateway.answer.body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  directory = mkdtempSync(join(tmpdir(), "openclaw-claw-jobs-"));
  writeFileSync(join(directory, "prompt.md"), "You help with the homelab.\n");
});
after(async () => {
  server.close();
  rmSync(directory, { recursive: true });
  await database.drop();
});

async function jobs(...argv: string[]): Promise<ClawResult> {
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return jobsAt(port, ...argv);
}

function jobsAt(port: number, ...argv: string[]): Promise<ClawResult> {
  const file = join(directory, "openclaw.toml");
  writeFileSync(file, jobConfig({ listen: `private = "127.0.0.1:${port}"` }));
  const env = { ...testEnvironment, OPENCLAW_CONFIG: file, OPENCLAW_TOKEN: jobToken, DATABASE_URL: database.url };
  return claw(env, "jobs", ...argv);
}

/** Answers once, and tells what was asked for. */
async function answering(status: number, body: unknown, ...argv: string[]): Promise<ClawResult & { asked: string[] }> {
  gateway.asked = [];
  gateway.answer = { status, body };
  return { ...(await jobs(...argv)), asked: gateway.asked };
}

describe("claw jobs list and history", () => {
  test("list jobs that were never due, and know no others", async () => {
    const { code, out } = await jobs();
    assert.equal(code, 0);
    assert.match(
      out,
      /^JOB {4}AGENT {3}SCHEDULE {23}LAST {2}STATE {2}NEXT\nbrief {2}ops {5}0 8 \* \* 1-5 \(Europe\/Berlin\) +- +- +\d{4}-\d\d-\d\dT08:00\nnight {2}helper {2}30 2 \* \* \* \(America\/New_York\) +- +- +\S+T0[23]:\d\d\n$/,
    );
    assert.equal((await jobs("history", "brief")).out, "brief was never asked for.\n");
    const unknown = await jobs("history", "breif");
    assert.deepEqual(
      [unknown.code, unknown.errors],
      [1, 'there is no job "breif"; did you mean "brief"? Jobs: brief, night\n'],
    );
  });

  test("show the last slot with its state, and every attempt with its reason", async () => {
    await database.sql`
      insert into job_slots (job, slot, attempt, cause, state, run_id, reason, finished_at) values
      ('brief', '2026-11-23T07:00Z', 1, 'timer', 'done', ${runId}, null, '2026-11-23T07:02Z'),
      ('brief', '2026-11-24T07:00Z', 1, 'timer', 'failed', null, ${"the model\u202e did not answer"}, '2026-11-24T07:01Z'),
      ('brief', '2026-11-24T07:00Z', 2, 'retry', 'running', null, null, null)`;
    assert.match((await jobs("list")).out, /^brief .* 2026-11-24T08:00 {2}running {2}/m);
    const [listed] = JSON.parse((await jobs("list", "--json")).out) as { job: string; last: { attempt: number } }[];
    assert.deepEqual([listed?.job, listed?.last.attempt], ["brief", 2]);

    assert.deepEqual((await jobs("history", "brief")).out.split("\n"), [
      `SLOT              ATTEMPT  STATE    CAUSE  ENDED             RUN                                   REASON`,
      `2026-11-24T08:00  2        running  retry  -                 -`,
      `2026-11-24T08:00  1        failed   timer  2026-11-24T08:01  -                                     the model\\u202e did not answer`,
      `2026-11-23T08:00  1        done     timer  2026-11-23T08:02  ${runId}`,
      "",
    ]);
    const limited = JSON.parse((await jobs("history", "brief", "--limit", "1", "--json")).out) as unknown[];
    assert.equal(limited.length, 1);
    assert.equal((await jobs("history", "brief", "--limit", "0")).errors, "--limit 0: write a number from 1 to 1000\n");
  });
});

describe("claw jobs run and rerun", () => {
  test("ask the gateway with the token, and print what it answers", async () => {
    const { code, out, errors, asked } = await answering(202, attempt({}), "run", "brief");
    assert.deepEqual(asked, ["POST /jobs/brief as us"]);
    assert.deepEqual([code, out, errors], [0, `brief of 2026-11-24T08:00: new (run ${runId})\n`, ""]);
  });

  test("say so where the slot was asked for before", async () => {
    const { code, errors } = await answering(200, attempt({ state: "done" }), "run", "brief");
    assert.equal(code, 0);
    assert.equal(errors, "It was asked for before: nothing was done. `claw jobs rerun brief` runs it once more.\n");
  });

  test("wait for the end where told to: a job that failed is exit code 1", async () => {
    const failed = attempt({ state: "failed", reason: "no model\u001b[2J answered" });
    const waited = await answering(202, failed, "run", "brief", "--wait");
    assert.deepEqual(waited.asked, ["POST /jobs/brief?wait=1 as us"]);
    assert.equal(waited.code, 1);
    assert.equal(waited.out, `brief of 2026-11-24T08:00: failed (run ${runId})\n  no model\\u001b[2J answered\n`);
    assert.equal((await answering(202, attempt({ state: "done" }), "run", "brief", "--wait")).code, 0);
    assert.equal((await answering(202, failed, "run", "brief")).code, 0);
  });

  test("run a slot once more, by the name it is given", async () => {
    const again = attempt({ attempt: 2, state: "quiet" });
    const { out, errors, asked } = await answering(
      202,
      again,
      "rerun",
      "brief",
      "--slot",
      "2026-11-24T08:00",
      "--wait",
    );
    assert.deepEqual(asked, ["POST /jobs/brief?rerun=1&wait=1&slot=2026-11-24T08%3A00 as us"]);
    assert.deepEqual([out, errors], [`brief of 2026-11-24T08:00, attempt 2: quiet (run ${runId})\n`, ""]);
  });

  test("show what would be sent, once for all places that get the same", async () => {
    const text = "Two alerts.\nOne\u202e event.";
    const body = {
      sources: [
        { title: "Alerts", state: "read" },
        { title: "Calendar", state: "failed", reason: "Radicale does not answer" },
      ],
      messages: [
        { to: "telegram:1001", text },
        { to: "matrix:!ops:home.example", text },
      ],
    };
    const { out, asked } = await answering(200, body, "run", "brief", "--dry");
    assert.deepEqual(asked, ["POST /jobs/brief?dry=1 as us"]);
    assert.equal(
      out,
      "Alerts: read\nCalendar: failed: Radicale does not answer\n\nTo telegram:1001, matrix:!ops:home.example:\n\nTwo alerts.\nOne\\u202e event.\n",
    );
    const quiet = await answering(200, { sources: [], messages: [] }, "run", "brief", "--dry");
    assert.equal(quiet.out, "Nothing would be sent.\n");
  });

  test("print the gateway's own answer as JSON", async () => {
    const body = attempt({ state: "failed", further: [1] });
    const { code, out } = await answering(202, body, "run", "brief", "--wait", "--json");
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(out), body);
  });

  test("tell what the gateway refuses, and where no gateway answers, what to do", async () => {
    const refused = await answering(
      400,
      { error: "bad_request", message: "slot: brief is not due then" },
      "rerun",
      "brief",
    );
    assert.deepEqual([refused.code, refused.errors], [1, "the gateway answers 400: slot: brief is not due then\n"]);
    const other = await answering(401, { message: "send the header" }, "run", "brief");
    assert.match(
      other.errors,
      /^the gateway answers 401: send the header; .* names another token than the gateway was started with\n$/,
    );
    const port = await freePort();
    const { code, errors } = await jobsAt(port, "run", "brief");
    assert.equal(code, 1);
    assert.match(
      errors,
      new RegExp(`^no gateway answers at http://127\\.0\\.0\\.1:${port} \\(.*\\): start it \\(npm start\\), or see `),
    );
  });
});
