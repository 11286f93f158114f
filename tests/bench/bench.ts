/**
 * Measures the shipped process against the budget: `npm run bench -- [options]`. Prints a table, writes JSON. Everything
 * is on loopback, bounded, and in child processes that end with this one. docs/performance.md says what is measured how.
 */
import "../../lib/boot.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { auditListRows } from "./audit-lists.ts";
import { startChild } from "./child.ts";
import { startCluster } from "./cluster.ts";
import type { Bench, Row } from "./context.ts";
import { describeMachine } from "./machine.ts";
import type { LoadCalls, StandInCalls } from "./protocol.ts";
import { auditRows } from "./rows-audit.ts";
import { driftRows } from "./rows-drift.ts";
import { encryptedRows } from "./rows-encrypted.ts";
import { ingestRows } from "./rows-ingest.ts";
import { installRow } from "./rows-install.ts";
import { keysRows } from "./rows-keys.ts";
import { memoryRows, startRows } from "./rows-process.ts";
import { synapseRows } from "./rows-synapse.ts";
import { turnRows } from "./rows-turn.ts";
import { startArguments } from "./shipped.ts";
import { printTable } from "./table.ts";

const allParts = ["install", "start", "memory", "keys", "turns", "encrypted", "synapse", "ingest"];
/** Asked for by name alone: they take some minutes. */
const largeParts = ["audit", "audit-lists", "drift"];
const { values } = parseArgs({
  options: {
    only: { type: "string", default: allParts.join(",") },
    "no-install": { type: "boolean", default: false },
    soak: { type: "string", default: "2000" },
    quick: { type: "boolean", default: false },
    "node-flags": { type: "string", default: "" },
    json: { type: "string", default: fileURLToPath(new URL("results/latest.json", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(`npm run bench -- [options]
  --only PARTS        of ${allParts.join(",")}; and, by name alone, ${largeParts.join(",")}
  --no-install        download nothing: no installation, and Synapse only where it is already
  --soak TURNS        turns of the memory row (2000)
  --quick             a fifth of the turns and of the time
  --node-flags FLAGS  after those of npm start, such as "--max-semi-space-size=8"
  --json FILE         where the JSON goes (tests/bench/results/latest.json)`);
  process.exit(0);
}

const parts = values.only.split(",").filter((part) => part !== "install" || !values["no-install"]);
const say = (line: string): void => console.error(line);
const began = performance.now();
const rows: Row[] = [];
const cluster = await startCluster();
const standIns = startChild<StandInCalls>("./stand-ins.ts");
const load = startChild<LoadCalls>("./load.ts");
try {
  const bench: Bench = {
    cluster,
    standIns,
    load,
    addresses: await standIns.call("open", null),
    flags: values["node-flags"].split(/\s+/).filter((flag) => flag !== ""),
    scale: values.quick ? 0.2 : 1,
    soak: Number(values.soak) * (values.quick ? 0.2 : 1),
    say,
  };
  const machine = await describeMachine(cluster);
  const download = !values["no-install"];
  const measure: Record<string, () => Promise<Row[]>> = {
    install: async () => [installRow()],
    start: () => startRows(bench),
    memory: () => memoryRows(bench),
    keys: () => keysRows(bench),
    turns: () => turnRows(bench),
    encrypted: () => encryptedRows(bench),
    synapse: () => synapseRows(bench, download),
    ingest: () => ingestRows(bench),
    audit: () => auditRows(bench),
    "audit-lists": () => auditListRows(bench),
    drift: () => driftRows(bench),
  };
  for (const part of parts) {
    const run = measure[part];
    if (!run) throw new Error(`there is no part "${part}"`);
    say(`measuring ${part} …`);
    rows.push(...(await run()));
  }
  const start = ["node", ...startArguments(bench.flags)].join(" ");
  printTable(rows, { ...machine, start });
  mkdirSync(dirname(values.json), { recursive: true });
  const seconds = Math.round((performance.now() - began) / 1000);
  writeFileSync(values.json, `${JSON.stringify({ at: new Date(), seconds, start, machine, rows }, undefined, 2)}\n`);
  say(`${seconds} s; written to ${values.json}`);
} finally {
  await load.stop();
  await standIns.stop();
  await cluster.stop();
}
