/** What every measurement has at hand, and a gateway for one of them. */
import { freePort } from "../support/free-port.ts";
import { newKey } from "../../lib/seal.ts";
import type { Child } from "./child.ts";
import type { Cluster } from "./cluster.ts";
import type { Addresses, LoadCalls, StandInCalls } from "./protocol.ts";
import {
  type Cast,
  matrixPerson,
  personId,
  type Place,
  roomOf,
  threeAgents,
  userOf,
  writeSettings,
} from "./settings.ts";
import { type Shipped, startShipped } from "./shipped.ts";

/** The surroundings of all measurements. */
export interface Bench {
  readonly cluster: Cluster;
  readonly standIns: Child<StandInCalls>;
  readonly load: Child<LoadCalls>;
  readonly addresses: Addresses;
  /** For node, after those of `npm start`. */
  readonly flags: readonly string[];
  /** Lets a quick run do a part of everything: 1 is all. */
  readonly scale: number;
  /** Turns of the memory row. */
  readonly soak: number;
  readonly say: (line: string) => void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  /** undefined: there is nothing to meet. */
  readonly met: boolean | undefined;
  /** For the JSON; the names say the units. */
  readonly figures: Readonly<Record<string, unknown>>;
}

/** A fresh database, key and stand-in homeserver with the cast's rooms. `matrix` false: without one. */
export async function newPlace(
  bench: Bench,
  options: { cast?: readonly Cast[]; matrix?: boolean } = {},
): Promise<Place> {
  const { cast = threeAgents, matrix = true } = options;
  const homeserver = matrix ? await bench.standIns.call("newHomeserver", null) : undefined;
  for (const { name, rooms } of matrix ? cast : [])
    for (const id of rooms)
      await bench.standIns.call("addRoom", {
        id,
        members: [matrixPerson, userOf(name)],
        encrypted: id !== roomOf(name),
      });
  return { databaseUrl: await bench.cluster.database(), key: newKey(), port: await freePort(), homeserver, cast };
}

/** A gateway in a place of its own, or a given one, while `use` runs. What it complained about is told. */
export async function withGateway<Value>(
  bench: Bench,
  options: { workers?: number; kill?: boolean; flags?: readonly string[]; place?: Place },
  use: (gateway: Shipped) => Promise<Value>,
): Promise<Value> {
  const { standIns, say } = bench;
  const place = options.place ?? (await newPlace(bench));
  const settings = writeSettings(bench.addresses, place, options.workers);
  let gateway: Shipped | undefined;
  try {
    await standIns.call("connectHomeserver", settings.publicUrl);
    gateway = await startShipped(settings, { flags: [...bench.flags, ...(options.flags ?? [])] });
    return await use(gateway);
  } finally {
    await standIns.call("connectHomeserver", null);
    await gateway?.stop(options.kill);
    settings.remove();
    for (const [line, times] of summary(gateway?.complaints ?? [])) say(`  the gateway said ${times} times: ${line}`);
  }
}

/** What was complained about, each once, and how often. */
function summary(complaints: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of complaints) {
    const said = /"msg":"([^"]*)"/.exec(line)?.[1] ?? line;
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  return counts;
}

/** Turns by a number of people at once. */
export function turns(
  bench: Bench,
  gateway: Shipped,
  plan: { atOnce: number; count: number; pauseMs?: number; from?: number },
): ReturnType<typeof bench.load.call<"turns">> {
  const { atOnce, count, pauseMs = 0, from = 0 } = plan;
  return bench.load.call("turns", {
    port: gateway.port,
    notices: bench.addresses.notices,
    people: Array.from({ length: atOnce }, (_, n) => personId(from + n)),
    count,
    pauseMs,
  });
}
