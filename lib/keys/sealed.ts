/** Everything in the database that is sealed with a key derived from OPENCLAW_KEY, but for the agents' crypto stores. */
import { alertSeal } from "../ledger/alerts-seen.ts";
import { approvalSeal } from "../ledger/approvals.ts";
import { commitmentSeal } from "../ledger/commitments.ts";
import { inboxSeal } from "../ledger/inbox.ts";
import { noteSeal, noteTitleHash } from "../ledger/notes.ts";
import { outboxSeal } from "../ledger/outbox.ts";
import { runKeySeal } from "../ledger/runs.ts";
import { scheduleSeal } from "../ledger/schedules.ts";
import { turnSeal } from "../ledger/turns.ts";
import type { Keyring } from "../seal.ts";

/** A row's columns, by their names in the database. */
export type SealedRow = Readonly<Record<string, unknown>>;

/** A column that holds sealed values; where it is null or empty there is none. */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** What else of the row is read. */
  readonly beside: readonly string[];
  /** What the row's columns become. Throws ClawError where `from` does not open it. */
  reseal(row: SealedRow, from: Keyring, to: Keyring): Readonly<Record<string, Uint8Array | string>>;
}

type SealerName = "bodies" | "runKeys" | "matrixIdentities";

function column(
  name: `${string}.${string}`,
  sealer: SealerName,
  beside: readonly string[],
  associated: (row: Record<string, string>) => string,
): SealedColumn {
  const [table = "", sealed = ""] = name.split(".");
  return {
    table,
    column: sealed,
    beside,
    reseal(row, from, to) {
      const bound = associated(row as Record<string, string>);
      return { [sealed]: to[sealer].seal(from[sealer].open(row[sealed] as Uint8Array, bound), bound) };
    },
  };
}

/** Its title is found by a keyed hash, which its body is bound to. */
const notes: SealedColumn = {
  table: "notes",
  column: "body",
  beside: ["agent", "principal", "title_hash"],
  reseal(row, from, to) {
    const { agent, principal, title_hash: titleHash, body } = row as Record<string, string> & { body: Uint8Array };
    const owner = { agent: agent ?? "", principal: principal ?? "" };
    const opened = from.bodies.open(body, noteSeal({ ...owner, titleHash: titleHash ?? "" }));
    const { title } = JSON.parse(opened.toString("utf8")) as { title: string };
    const hash = noteTitleHash(to, owner, title);
    return { title_hash: hash, body: to.bodies.seal(opened, noteSeal({ ...owner, titleHash: hash })) };
  },
};

/** All of them. A test holds the list against the columns there are. */
export const sealedColumns: readonly SealedColumn[] = [
  column("inbox.body", "bodies", ["source"], ({ source = "" }) => inboxSeal(source)),
  column("outbox.body", "bodies", ["key"], ({ key = "" }) => outboxSeal(key)),
  column("turns.body", "bodies", ["run_id"], ({ run_id = "" }) => turnSeal(run_id)),
  column("approvals.body", "bodies", ["code"], ({ code = "" }) => approvalSeal(code)),
  column("commitments.body", "bodies", ["call_key"], ({ call_key = "" }) => commitmentSeal(call_key)),
  column("schedules.body", "bodies", ["call_key"], ({ call_key = "" }) => scheduleSeal(call_key)),
  notes,
  column("alerts_seen.body", "bodies", ["fingerprint", "starts_at"], ({ fingerprint = "", starts_at }) =>
    alertSeal({ fingerprint, startsAt: new Date(starts_at ?? Number.NaN) }),
  ),
  column("run_keys.wrapped", "runKeys", ["run_id"], ({ run_id = "" }) => runKeySeal(run_id)),
  column("matrix_devices.identity", "matrixIdentities", ["user_id"], ({ user_id = "" }) => user_id),
];
