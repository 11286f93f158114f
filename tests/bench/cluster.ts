/** A PostgreSQL of the benchmark's own with the durability of its defaults: every commit is flushed to the disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Sql } from "../../lib/db/client.ts";
import { startEmbedded } from "../../lib/db/embedded.ts";
import { migrate } from "../../lib/db/migrate.ts";

/** A running cluster with a migrated template. */
export interface Cluster {
  readonly admin: Sql;
  /** A fresh, migrated database; returns its URL. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts it in a folder of its own, removed by `stop`. */
export async function startCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-bench-"));
  const server = await startEmbedded(directory, settings);
  const admin = connect(server.url("postgres"), { max: 1, name: "bench" });
  await admin.unsafe("create database template_bench");
  await migrate(server.url("template_bench"));
  let count = 0;
  return {
    admin,
    async database() {
      const name = `bench_${++count}`;
      await admin.unsafe(`create database ${name} template template_bench`);
      return server.url(name);
    },
    async stop() {
      await admin.end({ timeout: 2 });
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
