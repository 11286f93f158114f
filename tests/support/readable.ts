/** Everything in a database that some key opens, as a test that looks for words finds it. */
import type { Sql } from "../../lib/db/client.ts";
import type { RunOpener } from "../../lib/audit/open-run.ts";
import { createKeyring } from "../../lib/seal.ts";
import { testEnvironment } from "./gateway.ts";

/** What the gateway's key opens besides journals, by table. */
export async function openedBodies(sql: Sql): Promise<Record<"inbox" | "outbox" | "turns" | "approvals", string[]>> {
  const { bodies } = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
  const opened = async (rows: Promise<{ body: Uint8Array; seal: string }[]>): Promise<string[]> =>
    (await rows).map(({ body, seal }) => bodies.open(body, seal).toString());
  const rows = (query: string): Promise<{ body: Uint8Array; seal: string }[]> => sql.unsafe(query);
  return {
    inbox: await opened(rows("select body, 'inbox:' || source as seal from inbox where body is not null order by id")),
    outbox: await opened(rows("select body, 'outbox:' || key as seal from outbox where body <> '' order by id")),
    turns: await opened(rows("select body, 'turn:' || run_id as seal from turns order by id")),
    approvals: await opened(
      rows("select body, 'approval:' || code as seal from approvals where body <> '' order by code"),
    ),
  };
}

/** The payloads of the journals that an opener opens. */
export async function openedJournals(sql: Sql, opener: RunOpener): Promise<string[]> {
  const rows = await sql<{ run_id: string; seq: number; payload: Uint8Array }[]>`
    select run_id, seq, payload from journal where payload is not null order by run_id, seq`;
  const opened: string[] = [];
  for (const { run_id, seq, payload } of rows) {
    const sealer = await opener.sealerOf(run_id);
    if (sealer) opened.push(sealer.open(payload, `journal:${run_id}:${seq}`).toString());
  }
  return opened;
}
