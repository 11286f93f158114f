/** What every measurement has at hand, and a gateway for one of them. */
import type { Child } from "./child.ts";
import type { Cluster } from "./cluster.ts";
import type { Addresses, LoadCalls, StandInCalls } from "./protocol.ts";
import { agents, matrixPerson, personId, roomOf, writeSettings } from "./settings.ts";
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

/** A gateway on a database of its own while `use` runs. What it complained about is told. */
export async function withGateway<Value>(
  bench: Bench,
  options: { workers?: number; kill?: boolean; flags?: readonly string[]; databaseUrl?: string },
  use: (gateway: Shipped, databaseUrl: string) => Promise<Value>,
): Promise<Value> {
  const { standIns, say } = bench;
  const databaseUrl = options.databaseUrl ?? (await bench.cluster.database());
  const settings = await writeSettings(bench.addresses, databaseUrl, options.workers);
  let gateway: Shipped | undefined;
  try {
    for (const agent of agents)
      await standIns.call("addRoom", { id: roomOf(agent), members: [matrixPerson, `@agent_${agent}:home.example`] });
    await standIns.call("connectHomeserver", settings.publicUrl);
    gateway = await startShipped(settings, { flags: [...bench.flags, ...(options.flags ?? [])] });
    return await use(gateway, databaseUrl);
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
