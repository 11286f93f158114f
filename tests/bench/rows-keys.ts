/** What many rooms' keys cost: memory of a gateway that holds them, and time to load them. */
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "./child.ts";
import { type Bench, newPlace, type Row, turns, withGateway } from "./context.ts";
import type { CryptoStoreCalls, StoreTimes } from "./protocol.ts";
import { type Cast, matrixPerson, type Place, secretRoomOf } from "./settings.ts";
import { memoryOf } from "./shipped.ts";
import { median, round, show } from "./statistics.ts";

const restMs = 10_000;
const storeUser = "@agent_store:home.example";

/** All rows of keys. */
export async function keysRows(bench: Bench): Promise<Row[]> {
  return [await memoryRow(bench), await loadRow(bench)];
}

/**
 * Ten agents, each with a number of encrypted rooms in which a person has spoken and was answered, so that each room has a
 * key of either: the gateway started on these, beside one of the same agents without Matrix. Both rest after a few turns.
 */
async function memoryRow(bench: Bench): Promise<Row> {
  const rooms = Math.ceil(100 * bench.scale);
  const cast: Cast[] = Array.from({ length: 10 }, (_, agent) => ({
    name: `agent${agent}`,
    rooms: Array.from({ length: rooms }, (_each, n) => secretRoomOf(`agent${agent}`, n)),
  }));
  const plain = await newPlace(bench, { cast, matrix: false });
  const full = await newPlace(bench, { cast });
  // One of each agent at once.
  const rows = Array.from({ length: rooms }, (_, n) => cast.flatMap((agent) => agent.rooms.slice(n, n + 1)));
  await withGateway(bench, { place: full }, () =>
    bench.standIns.call("sayInAll", { rooms: rows, sender: matrixPerson }),
  );
  const measured = { plain: [] as number[], full: [] as number[] };
  const resident = (place: Place, speak: () => Promise<unknown>): Promise<number> =>
    withGateway(bench, { place }, async (gateway) => {
      await turns(bench, gateway, { atOnce: 3, count: 3 });
      await speak();
      await sleep(restMs);
      return memoryOf(gateway.pid).rss;
    });
  for (let repeat = 0; repeat < 3; repeat++) {
    measured.plain.push(await resident(plain, async () => undefined));
    measured.full.push(
      await resident(full, () => bench.standIns.call("sayInAll", { rooms: rows.slice(0, 1), sender: matrixPerson })),
    );
  }
  const more = median(measured.full) - median(measured.plain);
  return {
    what: `resident memory of encryption, 10 agents with ${rooms} rooms each`,
    measured: `${show(more, 0)} MB (${show(median(measured.full), 0)} beside ${show(median(measured.plain), 0)} without Matrix)`,
    target: "< 40 MB",
    met: more < 40,
    figures: {
      moreMb: round(more, 1),
      fullMb: measured.full.map((mb) => round(mb, 1)),
      plainMb: measured.plain.map((mb) => round(mb, 1)),
    },
  };
}

/** Each time in a fresh process, the library loaded. */
async function loadRow(bench: Bench): Promise<Row> {
  const rooms = 1_000;
  const url = await bench.cluster.database();
  const inChild = async <Value>(
    use: (child: ReturnType<typeof startChild<CryptoStoreCalls>>) => Promise<Value>,
  ): Promise<Value> => {
    const child = startChild<CryptoStoreCalls>("./crypto-store.ts");
    try {
      return await use(child);
    } finally {
      await child.stop();
    }
  };
  const kept = await inChild((child) => child.call("fill", { url, user: storeUser, rooms }));
  const times: StoreTimes[] = [];
  for (let repeat = 0; repeat < 5; repeat++)
    times.push(await inChild((child) => child.call("load", { url, user: storeUser, ...kept })));
  const middle = (of: (one: StoreTimes) => number): number => median(times.map(of));
  const whole = middle(({ open, decrypt }) => open + decrypt);
  return {
    what: `loading a crypto store of ${rooms} rooms (${times[0]?.rows} rows), median of 5`,
    measured: `${show(whole / 1000, 2)} s (the library, once a process: ${show(middle(({ library }) => library) / 1000, 2)} s)`,
    target: "< 0.5 s",
    met: whole < 500,
    figures: {
      openMs: times.map(({ open }) => round(open)),
      decryptMs: times.map(({ decrypt }) => round(decrypt)),
      libraryMs: times.map(({ library }) => round(library)),
    },
  };
}
