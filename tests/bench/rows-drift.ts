/** How soon drift is told and how often falsely, by traffic that no threshold was set by; and what a look costs. */
import { lookAt } from "../../lib/audit/drift/look.ts";
import { kindsOf } from "../../lib/audit/drift/read-runs.ts";
import { connect } from "../../lib/db/client.ts";
import { delaysOf, freshSeeds, toldOf } from "../support/drift/evaluate.ts";
import { type Fault, traffic } from "../support/drift/traffic.ts";
import type { Bench, Row } from "./context.ts";
import { loadJournal } from "./journal-load.ts";
import { median, quantile, round, show } from "./statistics.ts";

const shapes = ["chat", "job"] as const;
/** Those of the issue, which must be told in time in every traffic, and others, of which some are rare. */
const named: readonly Fault[] = ["new tool", "model behind the same name", "cost creep", "price creep"];
const others: readonly Fault[] = ["tool mix", "refusals", "errors", "denials"];
const inTime = 30;
const every = 1;

/** Some minutes: looks after every run, as a gateway does that has little to do. */
export async function driftRows(bench: Bench): Promise<Row[]> {
  return [...cleanRows(bench), ...faultRows(bench), ...(await readRows(bench))];
}

function cleanRows({ scale }: Bench): Row[] {
  const seeds = freshSeeds(20 * scale);
  return shapes.map((shape) => {
    const told = seeds.flatMap((seed) => toldOf(traffic({ seed, runs: 1_000, shape }), { every }));
    return {
      what: `false alarms in ${seeds.length * 1_000} clean runs of a ${shape}`,
      measured: `${told.length}`,
      target: "<= 1 in 1,000 runs",
      met: told.length <= seeds.length,
      figures: { runs: seeds.length * 1_000, alarms: told.map(({ metrics }) => metrics.join("+")) },
    };
  });
}

function faultRows({ scale }: Bench): Row[] {
  const seeds = freshSeeds(40 * scale);
  return [...named, ...others].flatMap((kind) =>
    shapes.map((shape): Row => {
      const delays = delaysOf(kind, shape, seeds, { every });
      const caught = delays.filter((delay) => delay <= inTime).length;
      return {
        what: `${kind} in ${shape}s, told within ${inTime} runs`,
        measured: `${caught} of ${seeds.length}, median ${median(delays)}, slowest ${delays.at(-1) ?? ""}`,
        target: named.includes(kind) ? "all" : "-",
        met: named.includes(kind) ? caught === seeds.length : undefined,
        figures: { caught, of: seeds.length, delays },
      };
    }),
  );
}

async function readRows(bench: Bench): Promise<Row[]> {
  const sql = connect(await bench.cluster.database(), { max: 1, name: "bench drift" });
  try {
    const { rows } = await loadJournal(sql, { rows: 1_000_000 * bench.scale });
    const first: number[] = [];
    const milliseconds: number[] = [];
    for (const agent of ["ops", "home", "research", "mail"])
      for (const kind of await kindsOf(sql, agent))
        for (let turn = 0; turn < 5; turn++) {
          const began = performance.now();
          await lookAt(sql, { agent, kind, baselineRuns: 300, now: new Date() });
          // A gateway looks every few minutes, so that the pages are in memory but for the first look.
          (turn === 0 ? first : milliseconds).push(performance.now() - began);
        }
    const slow = quantile(milliseconds, 0.95);
    return [
      {
        what: `a look at an agent's runs of a kind, ${rows} rows in the journal`,
        measured: `median ${show(median(milliseconds))} ms, p95 ${show(slow)} ms; the first: ${show(median(first))} ms, at most ${show(Math.max(...first))}`,
        target: "p95 < 50 ms",
        met: slow < 50,
        figures: {
          medianMs: round(median(milliseconds)),
          p95Ms: round(slow),
          looks: milliseconds.length,
          firstMs: first.map((each) => round(each)),
        },
      },
    ];
  } finally {
    await sql.end({ timeout: 2 });
  }
}
