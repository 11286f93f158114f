/** How long lists of runs take at a million rows of the journal: each filter alone, and what is worst for the way they are found. */
import { listRuns, type RunFilter } from "../../lib/audit/runs.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import type { Cluster } from "./cluster.ts";
import type { Row } from "./context.ts";
import { loadJournal } from "./journal-load.ts";
import { median, quantile, round, show } from "./statistics.ts";

const rows = 1_000_000;
const limit = 50;
const times = 7;
const targetMs = 100;
const dayMs = 86_400_000;

/** One row: the slowest of all lists. The others are in the JSON, and said as they are measured. */
export async function auditListRows({
  cluster,
  say,
  scale,
}: {
  readonly cluster: Cluster;
  readonly say: (line: string) => void;
  readonly scale: number;
}): Promise<Row[]> {
  const sql = connect(await cluster.database(), { max: 1, name: "bench" });
  try {
    const loaded = await loadJournal(sql, { rows: Math.round(rows * scale) });
    const measured = await measureLists(sql);
    for (const { name, found, medianMs, slowMs } of measured)
      say(
        `  ${name.padEnd(34)} ${String(found).padStart(3)} runs  ${show(medianMs).padStart(6)} ms, p90 ${show(slowMs)}`,
      );
    const slowest = measured.reduce((one, other) => (one.medianMs > other.medianMs ? one : other));
    return [
      {
        what: `any list of ${limit} runs at ${loaded.rows} journal rows: the slowest (${slowest.name})`,
        measured: `${show(slowest.medianMs)} ms`,
        target: `< ${targetMs} ms`,
        met: slowest.medianMs < targetMs,
        figures: { ...loaded, lists: measured },
      },
    ];
  } finally {
    await sql.end({ timeout: 2 });
  }
}

interface Measured {
  readonly name: string;
  readonly found: number;
  readonly medianMs: number;
  readonly slowMs: number;
}

/** Measures every list, on its first page and on its oldest. */
export async function measureLists(sql: Sql): Promise<Measured[]> {
  const [old] = await sql<{ id: string }[]>`select id from runs order by started_at, id offset 60 limit 1`;
  const [some] = await sql<{ response: string; request: string }[]>`
    select response_id as response, provider_request_id as request from journal where type = 'llm.answered' limit 1`;
  if (!old || !some) throw new Error("nothing was loaded");
  const measured: Measured[] = [];
  for (const [name, filter] of Object.entries(filters(some)))
    for (const after of [undefined, old.id])
      measured.push({
        name: `${name}${after === undefined ? "" : ", oldest page"}`,
        ...(await time(sql, filter, after)),
      });
  return measured;
}

const ago = (days: number): Date => new Date(Date.now() - days * dayMs);

/** `no` and `none`: what nothing is like, so that all has to be ruled out. */
const filters = (some: { response: string; request: string }): Record<string, RunFilter> => ({
  "no filter": {},
  agent: { agent: "ops" },
  principal: { principal: "telegram:1001" },
  job: { job: "backup-check" },
  tool: { tool: "web_fetch" },
  "tool, none": { tool: "no_such" },
  trigger: { trigger: "job" },
  "trigger, none": { trigger: "replay" },
  state: { state: "failed" },
  "state, none": { state: "waiting" },
  denied: { denied: true },
  "cost above": { costAbove: 0.05 },
  "cost above, none": { costAbove: 1e6 },
  since: { since: ago(30) },
  until: { until: ago(330) },
  "request id": { requestId: some.request },
  "response id": { requestId: some.response },
  "request id, none": { requestId: "no_such" },
  "tool denied": { tool: "web_fetch", denied: true },
  "tool, long ago": { tool: "web_fetch", until: ago(360) },
  "denied, long ago": { denied: true, until: ago(364) },
  "agent and cost, none": { agent: "ops", costAbove: 1e6 },
  "agent and tool, no such agent": { agent: "no_such", tool: "web_fetch" },
  "agent, tool and cost, none": { agent: "ops", tool: "web_fetch", costAbove: 1e6 },
  "denied and trigger, none": { denied: true, trigger: "replay" },
});

async function time(sql: Sql, filter: RunFilter, after: string | undefined): Promise<Omit<Measured, "name">> {
  const taken: number[] = [];
  let found = 0;
  // The first one has the plan made, and the pages read.
  for (let n = 0; n <= times; n++) {
    const began = performance.now();
    const { runs } = await listRuns(sql, filter, { limit, after });
    if (n > 0) taken.push(performance.now() - began);
    found = runs.length;
  }
  return { found, medianMs: round(median(taken)), slowMs: round(quantile(taken, 0.9)) };
}
