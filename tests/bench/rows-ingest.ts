/**
 * Acknowledged commits a second, ours beside a bare Hono + INSERT, on the same PostgreSQL in alternating rounds. The
 * workers' work is kept out, not the queue: all workers wait for a model that never answers, so that messages and their
 * jobs are committed in full and nobody takes the jobs. Every message counts as new; all are acknowledged after commit.
 */
import { type Bench, type Row, turns, withGateway } from "./context.ts";
import { startChild } from "./child.ts";
import type { BareCalls, IngestPlan } from "./protocol.ts";
import { people, personId } from "./settings.ts";
import { median, round, show } from "./statistics.ts";

const workers = 2;
const rounds = 5;
const kinds = ["bare", "telegram", "matrix"] as const;
type Rates = Record<IngestPlan["kind"], number[]>;

/** A row for each number of connections and channel. */
export async function ingestRows(bench: Bench): Promise<Row[]> {
  const { cluster, load, standIns } = bench;
  const bare = startChild<BareCalls>("./bare.ts");
  try {
    const barePort = await bare.call("open", { url: await cluster.database(), pool: 10 });
    return await withGateway(bench, { workers, kill: true }, async (gateway) => {
      await standIns.call("hang", true);
      const before = await standIns.call("modelCalls", null);
      // These wait for the model for as long as we measure; their senders write nothing else.
      const blocked = turns(bench, gateway, { atOnce: workers, count: workers, from: people - workers });
      blocked.catch(() => {});
      while ((await standIns.call("modelCalls", null)) < before + workers)
        await new Promise((resolve) => setTimeout(resolve, 20));

      const senders = Array.from({ length: people - workers }, (_, n) => personId(n));
      const ms = 2_000 * bench.scale;
      const rows: Row[] = [];
      for (const connections of [1, 16, 64]) {
        const rates: Rates = { bare: [], telegram: [], matrix: [] };
        for (let turn = -1; turn < rounds; turn++)
          for (const kind of kinds) {
            const port = kind === "bare" ? barePort : gateway.port;
            const {
              acknowledged,
              refused,
              ms: took,
            } = await load.call("ingest", { port, kind, connections, people: senders, ms: turn < 0 ? ms / 4 : ms });
            if (refused > 0) throw new Error(`${kind}: ${refused} requests were refused`);
            if (turn >= 0) rates[kind].push(acknowledged / (took / 1000));
          }
        rows.push(rowOf("telegram", connections, rates), rowOf("matrix", connections, rates));
      }
      return rows;
    });
  } finally {
    await standIns.call("hang", false);
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
