import assert from "node:assert/strict";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testSettings } from "../../support/global-setup.ts";
import { until } from "../../support/until.ts";
import { connect } from "../../../lib/db/client.ts";
import { startEmbedded } from "../../../lib/db/embedded.ts";

test("a server that was killed with all its processes is started anew, and called started only once it takes connections", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-embedded-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await startEmbedded(directory, testSettings);
  const lock = join(directory, "postgres/postmaster.pid");
  const [pid = ""] = readFileSync(lock, "utf8").split("\n");
  const processes = [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean)];
  for (const each of processes) process.kill(Number(each), "SIGKILL");
  await until(() => Promise.resolve(processes.every((each) => !isThere(Number(each)))));
  assert.match(readFileSync(lock, "utf8"), /^ready\s*$/m);

  const again = await startEmbedded(directory, testSettings);
  const sql = connect(again.url("postgres"), { max: 1 });
  try {
    assert.deepEqual([...(await sql`select 1 as one`)], [{ one: 1 }]);
  } finally {
    await sql.end();
    await again.stop();
  }
});

/** As of a service that has stopped: it has no name then. */
const nameless = 61_999;
const isRoot = process.getuid?.() === 0;

test(
  `root runs a server in another user's folder as that user, below a folder of root's alone too${isRoot ? "" : " (skipped: not root)"}`,
  { skip: !isRoot },
  async (t) => {
    const closed = mkdtempSync(join(tmpdir(), "openclaw-private-"));
    t.after(() => rmSync(closed, { recursive: true, force: true }));
    const directory = join(closed, "state");
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, nameless, nameless);
    for (const start of ["made anew", "found"]) {
      const server = await startEmbedded(directory, testSettings);
      const [pid = ""] = readFileSync(join(directory, "postgres/postmaster.pid"), "utf8").split("\n");
      const sql = connect(server.url("postgres"), { max: 1 });
      try {
        assert.deepEqual([...(await sql`select 1 as one`)], [{ one: 1 }]);
        assert.equal(statSync(`/proc/${pid}`).uid, nameless, start);
      } finally {
        await sql.end();
        await server.stop();
      }
    }
    const foreign = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter(
      (name) => statSync(join(directory, name)).uid !== nameless,
    );
    assert.deepEqual(foreign, []);
  },
);

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
