import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import type { Cluster } from "./cluster.ts";

/** What the figures depend on besides the code. */
export type Machine = Readonly<Record<string, string | number>>;

/** Asks the machine and the database. */
export async function describeMachine(cluster: Cluster): Promise<Machine> {
  const settings = await cluster.admin<{ name: string; setting: string }[]>`
    select name, setting from pg_settings
    where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method')`;
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? "",
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    load: Number(loadavg()[0]?.toFixed(2)),
    node: process.version,
    ...Object.fromEntries(settings.map(({ name, setting }) => [`postgres ${name}`, setting])),
    commit: commit(),
  };
}

/** The checkout's commit, as far as it can be told without git. */
function commit(): string {
  try {
    const git = new URL("../../.git/", import.meta.url);
    const head = readFileSync(new URL("HEAD", git), "utf8").trim();
    return (head.startsWith("ref: ") ? readFileSync(new URL(head.slice(5), git), "utf8").trim() : head).slice(0, 12);
  } catch {
    return "unknown";
  }
}
