/** /healthz (the process answers), /readyz (each part with its reason), /metrics (Prometheus). Private listener only. */
import { Hono } from "hono";
import type { Metrics } from "../lib/metrics.ts";

/** One part's state; `reason` says what is wrong or, when all is well, what was seen. */
export interface PartHealth {
  readonly ok: boolean;
  readonly reason: string;
}

export interface HealthDeps {
  /** Parts by name; each is asked anew. */
  readonly parts: () => Promise<Readonly<Record<string, () => Promise<PartHealth>>>>;
  readonly metrics: Metrics;
  /** Brings gauges up to date before a scrape. */
  readonly refresh: () => Promise<void>;
}

const slowMs = 5_000;
/** What a scrape says of the parts is no older. */
const freshMs = 15_000;

export function createHealthFunction({ parts, metrics, refresh }: HealthDeps): Hono {
  let looked = -Infinity;
  const look = async (): Promise<Readonly<Record<string, PartHealth>>> => {
    looked = performance.now();
    const states = await healthOf(parts);
    metrics.partOk.reset();
    for (const [part, { ok }] of states) metrics.partOk.set({ part }, ok ? 1 : 0);
    return Object.fromEntries(states);
  };
  return new Hono()
    .get("/healthz", (context) => context.json({ ok: true }))
    .get("/readyz", async (context) => {
      const states = await look();
      const ok = Object.values(states).every((state) => state.ok);
      return context.json({ ok, ...states }, ok ? 200 : 503);
    })
    .get("/metrics", async (context) => {
      // Without a database there is nothing to look up; what was counted is told all the same.
      if (performance.now() - looked > freshMs) await done(look);
      const { ok } = await done(refresh);
      metrics.partOk.set({ part: "gauges" }, ok ? 1 : 0);
      return context.body(await metrics.registry.metrics(), 200, { "content-type": metrics.registry.contentType });
    });
}

const done = (work: () => Promise<unknown>): Promise<PartHealth> =>
  within(async () => {
    await work();
    return { ok: true, reason: "done" };
  });

/** Every part by name with its state; one that does not answer in time is not well. */
export async function healthOf(parts: HealthDeps["parts"]): Promise<(readonly [name: string, health: PartHealth])[]> {
  const names = Object.entries(await parts());
  return Promise.all(names.map(async ([name, ask]) => [name, await within(ask)] as const));
}

async function within(ask: () => Promise<PartHealth>): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PartHealth>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: `no answer within ${slowMs / 1000} s` }), slowMs);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch (thrown) {
    const { code } = thrown as { code?: unknown };
    return { ok: false, reason: typeof code === "string" ? code : thrown instanceof Error ? thrown.name : "failed" };
  } finally {
    clearTimeout(timer);
  }
}
