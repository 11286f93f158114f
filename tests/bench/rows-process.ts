/** Start and memory of the shipped process. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, newPlace, type Row, turns, withGateway } from "./context.ts";
import { agents, matrixPerson, roomOf, secretRoomOf } from "./settings.ts";
import { cpuSecondsOf, memoryOf, startArguments } from "./shipped.ts";
import { median, round, show } from "./statistics.ts";

/**
 * From spawn to the log line "ready", PostgreSQL running and migrated; then until the agents' keys are loaded, in the
 * background, and to the first 200 of /readyz, which waits for these.
 */
export async function startRows(bench: Bench): Promise<Row[]> {
  const ready: number[] = [];
  const held: number[] = [];
  const healthy: number[] = [];
  const place = await newPlace(bench);
  // The first start fills the compile cache and makes the agents' keys, as an installation's first start does.
  for (let start = 0; start <= 5; start++)
    await withGateway(bench, { place }, async (gateway) => {
      if (start === 0) return;
      ready.push(gateway.readyMs);
      held.push(Math.max(...gateway.heldMs));
      healthy.push(gateway.healthyMs);
    });
  const seconds = (times: readonly number[]): string => show(median(times) / 1000, 2);
  return [
    {
      what: "start to ready, median of 5",
      measured: `${seconds(ready)} s`,
      target: "< 1.0 s",
      met: median(ready) < 1000,
      figures: { readyMs: ready.map((ms) => round(ms)), start: startArguments() },
    },
    {
      what: "start until the keys of 3 agents are loaded",
      measured: `${seconds(held)} s (/readyz 200 after ${seconds(healthy)} s)`,
      target: "-",
      met: undefined,
      figures: { heldMs: held.map((ms) => round(ms)), readyzMs: healthy.map((ms) => round(ms)) },
    },
  ];
}

/** Resident memory after one turn an agent on each channel, plain and encrypted, and 10 s of rest, and again after many turns. */
export async function memoryRows(bench: Bench): Promise<Row[]> {
  const { soak, standIns } = bench;
  const restMs = 10_000;
  const place = await newPlace(bench);
  // The first start makes the agents' keys, once in their life, and is some 10 MB larger for it.
  await withGateway(bench, { place }, async () => {});
  return withGateway(bench, { place }, async (gateway) => {
    for (const agent of agents) {
      const plan = { sender: matrixPerson, count: 1 };
      await standIns.call("matrixTurns", { ...plan, room: roomOf(agent) });
      await standIns.call("encryptedTurns", { ...plan, room: secretRoomOf(agent) });
    }
    await turns(bench, gateway, { atOnce: 3, count: 3 });
    await sleep(restMs);
    const idle = memoryOf(gateway.pid);
    const seen: { turns: number; rss: number; figures: object }[] = [];
    const part = Math.ceil(soak / 5);
    for (let done = part; done <= soak; done += part) {
      const before = cpuSecondsOf(gateway.pid);
      const { ms } = await turns(bench, gateway, { atOnce: 10, count: part });
      const cpuMs = ((cpuSecondsOf(gateway.pid) - before) * 1000) / part;
      const { rss, pss } = memoryOf(gateway.pid);
      seen.push({
        turns: done,
        rss,
        figures: {
          turns: done,
          rssMb: round(rss, 1),
          pssMb: round(pss, 1),
          perSecond: round(part / (ms / 1000), 1),
          gatewayCpuMsPerTurn: round(cpuMs),
        },
      });
    }
    await sleep(restMs);
    const after = memoryOf(gateway.pid);
    // V8 lets a young heap grow to its working size first.
    const middle = seen[Math.floor(seen.length / 2)]?.rss ?? Number.NaN;
    const last = seen.at(-1)?.rss ?? Number.NaN;
    const parts = seen.map(({ figures }) => figures);
    return [
      {
        what: "resident memory idle, 3 agents with encryption",
        measured: `${show(idle.rss, 0)} MB (PSS ${show(idle.pss, 0)})`,
        target: "< 150 MB",
        met: idle.rss < 150,
        figures: { rssMb: round(idle.rss, 1), pssMb: round(idle.pss, 1) },
      },
      {
        what: `the same after ${soak} turns`,
        measured: `${show(after.rss, 0)} MB; ${show(middle, 0)} halfway, ${show(last, 0)} at the end`,
        target: "flat: < 10 % more from halfway to the end",
        met: last < middle * 1.1,
        figures: { afterRestMb: round(after.rss, 1), pssMb: round(after.pss, 1), parts },
      },
    ];
  });
}
