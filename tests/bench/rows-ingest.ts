/**
 * Acknowledged commits a second, ours beside a bare Hono + INSERT, on the same PostgreSQL in alternating rounds. The
 * workers' work is kept out, not the queue: all workers wait for a model that never answers, so that messages and their
 * jobs are committed in full and nobody takes the jobs. Every message counts as new; all are acknowledged after commit.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, type Row, turns, withGateway } from "./context.ts";
import { startChild } from "./child.ts";
import type { BareCalls, IngestPlan } from "./protocol.ts";
import { people, personId } from "./settings.ts";
import type { Shipped } from "./shipped.ts";
import { median, round, show } from "./statistics.ts";

const workers = 2;
const rounds = 5;
const kinds = ["bare", "telegram", "matrix"] as const;
type Rates = Record<IngestPlan["kind"], number[]>;

/** A gateway whose workers all wait for the model; `senders` are people whose messages nobody takes. */
export async function withBlockedWorkers<Value>(
  bench: Bench,
  options: { flags?: readonly string[]; kill?: boolean },
  use: (gateway: Shipped, senders: readonly number[]) => Promise<Value>,
): Promise<Value> {
  const { standIns } = bench;
  return withGateway(bench, { workers, ...options }, async (gateway) => {
    await standIns.call("hang", true);
    try {
      const before = await standIns.call("modelCalls", null);
      // These wait for the model for as long as we measure; their senders write nothing else.
      turns(bench, gateway, { atOnce: workers, count: workers, from: people - workers }).catch(() => {});
      while ((await standIns.call("modelCalls", null)) < before + workers) await sleep(20);
      return await use(
        gateway,
        Array.from({ length: people - workers }, (_, n) => personId(n)),
      );
    } finally {
      await standIns.call("hang", false);
    }
  });
}

/** A row for each number of connections and channel. */
export async function ingestRows(bench: Bench): Promise<Row[]> {
  const bare = startChild<BareCalls>("./bare.ts");
  try {
    const barePort = await bare.call("open", { url: await bench.cluster.database(), pool: 10 });
    return await withBlockedWorkers(bench, { kill: true }, async (gateway, senders) => {
      const ms = 2_000 * bench.scale;
      const rows: Row[] = [];
      for (const connections of [1, 16, 64]) {
        const rates: Rates = { bare: [], telegram: [], matrix: [] };
        for (let turn = -1; turn < rounds; turn++)
          for (const kind of kinds) {
            const port = kind === "bare" ? barePort : gateway.port;
            const plan = { port, kind, connections, people: senders, ms: turn < 0 ? ms / 4 : ms };
            const { acknowledged, refused, ms: took } = await bench.load.call("ingest", plan);
            if (refused > 0) throw new Error(`${kind}: ${refused} requests were refused`);
            if (turn >= 0) rates[kind].push(acknowledged / (took / 1000));
          }
        rows.push(rowOf("telegram", connections, rates), rowOf("matrix", connections, rates));
      }
      return rows;
    });
  } finally {
    await bare.stop();
  }
}

function rowOf(kind: "telegram" | "matrix", connections: number, rates: Rates): Row {
  const ratio = median(rates[kind].map((rate, turn) => rate / (rates.bare[turn] ?? Number.NaN)));
  const [ours, bare] = [median(rates[kind]), median(rates.bare)];
  return {
    what: `durable ingest, ${kind}, ${connections} connection${connections === 1 ? "" : "s"}`,
    measured: `${show(ours, 0)}/s against ${show(bare, 0)}/s bare: ${show(ratio, 2)}`,
    target: ">= 0.7 of bare",
    met: ratio >= 0.7,
    figures: {
      ratio: round(ratio),
      perSecond: rates[kind].map((rate) => round(rate, 0)),
      barePerSecond: rates.bare.map((rate) => round(rate, 0)),
    },
  };
}
