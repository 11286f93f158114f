/** One PostgreSQL cluster for the whole test run; files make their databases in it from a template. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../lib/boot.ts";
import { type EmbeddedPostgres, startEmbedded } from "../../lib/db/embedded.ts";

let cluster: EmbeddedPostgres | undefined;
let directory: string | undefined;

/** Settings that trade durability for speed: a test's database need not survive the machine. */
export const testSettings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "400",
};

/** Called by node:test before the first file. */
export async function globalSetup(): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), "openclaw-test-"));
  cluster = await startEmbedded(directory, testSettings);
  const { prepareTemplate } = await import("./database.ts");
  await prepareTemplate(cluster.url("postgres"));
  process.env["OPENCLAW_TEST_POSTGRES"] = cluster.url("postgres");
}

/** Called by node:test after the last file. */
export async function globalTeardown(): Promise<void> {
  await cluster?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
}
