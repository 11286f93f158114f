/** Child: reads a whole journal, to verify it or only to have read it. */
import "../../lib/boot.ts";
import { verifyAudit } from "../../lib/audit/verify.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import { serveCalls } from "./child.ts";
import type { AuditCalls, AuditRead } from "./protocol.ts";

/** Bytes this process had at the most, in MB. */
const peakMb = (): number => process.resourceUsage().maxRSS / 1024;

async function measured(url: string, read: (sql: Sql) => Promise<number>): Promise<AuditRead> {
  const sql = connect(url, { max: 1, name: "bench audit" });
  try {
    await sql`select 1`;
    const before = peakMb();
    const began = performance.now();
    const rows = await read(sql);
    return { rows, seconds: (performance.now() - began) / 1000, peakMb: peakMb(), beforeMb: before };
  } finally {
    await sql.end({ timeout: 2 });
  }
}

serveCalls<AuditCalls>({
  verify: ({ url }) =>
    measured(url, async (sql) => {
      const { whole, rows } = await verifyAudit(sql, { checkpointMinutes: 60 });
      if (!whole) throw new Error("the generated journal is not whole");
      return rows;
    }),
  read: ({ url }) =>
    measured(url, async (sql) => {
      let bytes = 0;
      const stream = await sql`copy (select * from journal order by run_id, seq) to stdout (format binary)`.readable();
      for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length;
      // As lib/audit/verify-copy.ts says.
      stream._read(0);
      if (bytes === 0) throw new Error("nothing was read");
      const [row] = await sql<{ rows: number }[]>`select count(*)::int as rows from journal`;
      return row?.rows ?? 0;
    }),
});
