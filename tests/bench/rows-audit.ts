/** What verifying a journal of a million rows costs, beside a bare read of the same rows. */
import { takeCheckpoints } from "../../lib/audit/checkpoint-take.ts";
import { connect } from "../../lib/db/client.ts";
import { createKeyring, newKey } from "../../lib/seal.ts";
import { startChild } from "./child.ts";
import type { Bench, Row } from "./context.ts";
import { loadJournal } from "./journal-load.ts";
import type { AuditCalls, AuditRead } from "./protocol.ts";
import { round, show } from "./statistics.ts";

/** Generates the journal (some minutes), signs it, and reads it in fresh processes. */
export async function auditRows(bench: Bench): Promise<Row[]> {
  const url = await bench.cluster.database();
  const sql = connect(url, { max: 1, name: "bench audit load" });
  const keyring = createKeyring(newKey());
  const began = performance.now();
  try {
    const loaded = await loadJournal(sql, { rows: 1_000_000 * bench.scale, keyring });
    bench.say(`${loaded.rows} rows of ${loaded.runs} runs in ${show((performance.now() - began) / 1000, 0)} s`);
    await takeCheckpoints(sql, { key: keyring.checkpointKey(), now: new Date(), everyMinutes: 60 });
  } finally {
    await sql.end({ timeout: 2 });
  }
  const inChild = async (what: "read" | "verify"): Promise<AuditRead> => {
    const child = startChild<AuditCalls>("./audit.ts");
    try {
      return await child.call(what, { url });
    } finally {
      await child.stop();
    }
  };
  // The first read warms the caches for both.
  await inChild("read");
  const bare = await inChild("read");
  const verified = await inChild("verify");
  const rate = verified.rows / verified.seconds;
  return [
    {
      what: `verifying ${verified.rows} rows of the journal`,
      measured: `${show(verified.seconds)} s, ${show(rate, 0)} rows/s; a bare read of them: ${show(bare.seconds)} s`,
      target: "< 60 s a million",
      met: rate > 1_000_000 / 60,
      figures: { seconds: round(verified.seconds), rowsPerSecond: round(rate, 0), bareSeconds: round(bare.seconds) },
    },
    {
      what: "resident memory of it at the most",
      measured: `${show(verified.peakMb, 0)} MB (${show(verified.beforeMb, 0)} before)`,
      target: "-",
      met: undefined,
      figures: { peakMb: round(verified.peakMb), beforeMb: round(verified.beforeMb), barePeakMb: round(bare.peakMb) },
    },
  ];
}
