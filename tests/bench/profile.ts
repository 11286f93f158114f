/**
 * Where a turn's time goes: `node tests/bench/profile.ts [--of turns|encrypted|telegram|matrix] [--turns N] [--at-once N] [--top N]` measures the shipped process
 * under V8's profiler and counts its SQL statements; `node tests/bench/profile.ts FILE.cpuprofile` reads a profile.
 */
import "../../lib/boot.ts";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sharedClock, startChild } from "./child.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Bench, turns, withGateway } from "./context.ts";
import { type CpuProfile, selfTimes } from "./cpu-profile.ts";
import type { LoadCalls, StandInCalls } from "./protocol.ts";
import { withBlockedWorkers } from "./rows-ingest.ts";
import { matrixPerson, secretRoomOf } from "./settings.ts";
import type { Shipped } from "./shipped.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: "string", default: "2000" },
    of: { type: "string", default: "turns" },
    "at-once": { type: "string", default: "10" },
    top: { type: "string", default: "40" },
  },
});
const top = Number(values.top);
const atOnce = Number(values["at-once"]);

/** Prints a profile; with `count` also what each of so many has of it. */
function print(file: string, count = 0, from?: number, to?: number): void {
  const times = selfTimes(JSON.parse(readFileSync(file, "utf8")) as CpuProfile, from, to);
  const line = (ms: number, name: string): void => {
    const share = `${((100 * ms) / times.busyMs).toFixed(1).padStart(5)} %`;
    console.log(`${share}${count > 0 ? `  ${((ms * 1000) / count).toFixed(0).padStart(5)} µs each` : ""}  ${name}`);
  };
  console.log(`\nbusy ${times.busyMs.toFixed(0)} ms, idle ${times.idleMs.toFixed(0)} ms\n\nself time by package`);
  for (const [name, ms] of times.byPackage.slice(0, top)) line(ms, name);
  console.log("\nself time by function");
  for (const [name, ms] of times.byFunction.slice(0, top)) line(ms, name);
}

interface Statement {
  readonly calls: number;
  readonly ms: number;
  readonly plan: number;
  readonly query: string;
}

/** pg_stat_statements of everything but our own questions, the dearest first. */
async function printStatements(cluster: Cluster, count: number): Promise<void> {
  const rows = await cluster.admin<Statement[]>`
    select calls::int, total_exec_time as ms, total_plan_time as plan, query from pg_stat_statements
    where dbid <> (select oid from pg_database where datname = current_database())
    order by total_exec_time + total_plan_time desc limit ${top}`;
  const sum = (of: (row: Statement) => number): number => rows.reduce((total, row) => total + of(row), 0) / count;
  console.log("\nSQL, for each: calls, ms executing, ms planning");
  const line = (calls: number, ms: number, plan: number, text: string): void =>
    console.log(`${calls.toFixed(2).padStart(6)}  ${ms.toFixed(3)}  ${plan.toFixed(3)}  ${text}`);
  line(
    sum(({ calls }) => calls),
    sum(({ ms }) => ms),
    sum(({ plan }) => plan),
    "all of these",
  );
  for (const { calls, ms, plan, query } of rows)
    line(calls / count, ms / count, plan / count, query.replaceAll(/\s+/g, " ").trim().slice(0, 110));
}

interface Measured {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

async function turnLoad(bench: Bench, gateway: Shipped): Promise<Measured> {
  const count = Number(values.turns);
  await turns(bench, gateway, { atOnce, count: Math.ceil(count / 4) });
  await bench.cluster.admin`select pg_stat_statements_reset()`;
  const from = sharedClock();
  await turns(bench, gateway, { atOnce, count });
  const to = sharedClock();
  await printStatements(bench.cluster, count);
  return { count, from, to };
}

async function encryptedLoad(bench: Bench): Promise<Measured> {
  const count = Number(values.turns);
  const plan = { room: secretRoomOf("ops"), sender: matrixPerson };
  await bench.standIns.call("encryptedTurns", { ...plan, count: Math.ceil(count / 4) });
  await bench.cluster.admin`select pg_stat_statements_reset()`;
  const from = sharedClock();
  await bench.standIns.call("encryptedTurns", { ...plan, count });
  const to = sharedClock();
  await printStatements(bench.cluster, count);
  return { count, from, to };
}

async function ingestLoad(bench: Bench, { port }: Shipped, people: readonly number[]): Promise<Measured> {
  const kind = values.of === "matrix" ? "matrix" : "telegram";
  const plan = { port, kind, connections: atOnce, people, ms: 5_000 } as const;
  await bench.load.call("ingest", { ...plan, ms: 1_000 });
  await bench.cluster.admin`select pg_stat_statements_reset()`;
  const from = sharedClock();
  const { acknowledged } = await bench.load.call("ingest", plan);
  const to = sharedClock();
  await printStatements(bench.cluster, acknowledged);
  return { count: acknowledged, from, to };
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-profile-"));
  const cluster = await startCluster({
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
  });
  const standIns = startChild<StandInCalls>("./stand-ins.ts");
  const load = startChild<LoadCalls>("./load.ts");
  try {
    await cluster.admin`create extension pg_stat_statements`;
    const addresses = await standIns.call("open", null);
    const say = (line: string): void => console.error(line);
    const bench: Bench = { cluster, standIns, load, addresses, flags: [], scale: 1, soak: 0, say };
    const flags = ["--cpu-prof", `--cpu-prof-dir=${directory}`];
    const { count, from, to } = await (values.of === "turns"
      ? withGateway(bench, { flags }, (gateway) => turnLoad(bench, gateway))
      : values.of === "encrypted"
        ? withGateway(bench, { flags }, () => encryptedLoad(bench))
        : withBlockedWorkers(bench, { flags }, (gateway, people) => ingestLoad(bench, gateway, people)));
    console.log(`${count} of ${values.of}, ${atOnce} at a time, ${(count / ((to - from) / 1000)).toFixed(0)} a second`);
    for (const file of readdirSync(directory)) print(join(directory, file), count, from, to);
  } finally {
    await load.stop();
    await standIns.stop();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (positionals[0] === undefined) await measure();
else print(positionals[0]);
