import "../../lib/boot.ts";
import { startCluster } from "./cluster.ts";
import { connect } from "../../lib/db/client.ts";
import { createInbox } from "../../lib/ledger/inbox.ts";
import { createKeyring, newKey } from "../../lib/seal.ts";
const cluster = await startCluster({ shared_preload_libraries: "pg_stat_statements,auto_explain", "pg_stat_statements.track": "all", "pg_stat_statements.track_planning": "on" });
try {
  await cluster.admin`create extension pg_stat_statements`;
  const url = await cluster.database();
  const sql = connect(url, { max: 1 }); if (process.argv[2]) await sql.unsafe("set plan_cache_mode=" + process.argv[2]); if (process.argv[3]) await sql.unsafe(process.argv[3]);
  const inbox = createInbox(sql, createKeyring(newKey()).bodies);
  await sql`create table bare(id bigint generated always as identity primary key, source text not null unique, body text not null)`;
  const N = 800;
  const time = async (name: string, f: (i: number) => Promise<unknown>) => {
    const t: number[] = [];
    for (let i = 0; i < N; i++) { const b = performance.now(); await f(i); t.push(performance.now() - b); }
    t.sort((a, b) => a - b); console.log(name, "p50", t[N/2]!.toFixed(2), "p90", t[Math.floor(N*0.9)]!.toFixed(2), "min", t[0]!.toFixed(2));
  };
  const entry = (i: number, state: "new" | "ignored", lanes: number) => ({ source: `s:${state}:${lanes}:${i}`, channel: "telegram", lane: `telegram:main:${i % lanes}`, principal: "telegram:1", kind: "message", state, body: { text: "x".repeat(300) } }) as never;
  for (let r = 0; r < 2; r++) {
    await time("select 1", () => sql`select 1`);
    await time("bare insert", (i) => sql`insert into bare(source, body) values (${r + ":" + i}, ${"x".repeat(300)}) on conflict do nothing`);
    await time("inbox ignored", (i) => inbox.accept([entry(i + r * N, "ignored", 5)]));
    await time("inbox new, own lane", (i) => inbox.accept([entry(i + r * N, "new", 1e9)]));
    await time("inbox new, 5 lanes", (i) => inbox.accept([entry(i + r * N, "new", 5)]));
    await sql.unsafe("set synchronous_commit=off");
  }
  const rows = await cluster.admin`select calls::int, (mean_exec_time)::numeric(8,3) as ms, mean_plan_time::numeric(8,3) as plan, toplevel, wal_bytes/calls as wal, substr(regexp_replace(query, '\\s+', ' ', 'g'),1,120) q from pg_stat_statements where calls > 100 order by total_exec_time desc limit 25`;
  for (const r of rows) console.log(r["calls"], r["ms"], r["plan"], r["toplevel"], r["wal"], r["q"]);
  await sql.end();
} finally { await cluster.stop(); }
