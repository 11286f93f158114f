import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
