/** A config whose agents need a yes for commitments_add, a model that obeys, and the questions as they stand in the ledger. */
import type { Sql } from "../../lib/db/client.ts";
import { until } from "./until.ts";
import type { Script, ScriptedRequest } from "./model-server.ts";

/** Somebody who may talk to the agents, and approve nothing. */
export const matrixKid = "@kid:home.example";

/** The test config with `commitments_add` asked for: the owners approve, the family may only ask. */
export const withApprovals = (toml: string): string =>
  toml
    .replace("[groups.owners]\n", "[groups.owners]\napprove = true\n")
    .replace('tools = ["time_*"]', 'tools = ["time_*", "commitments_*"]')
    .replace(
      'members = ["telegram:1002"]\nagents = ["helper"]',
      `members = ["telegram:1002", "matrix:${matrixKid}"]\nagents = ["helper", "ops"]`,
    )
    .replaceAll(/^\[agents\.\w+\]$/gm, '$&\nask = ["commitments_add"]');

const contentOf = (message: ScriptedRequest["messages"][number] | undefined): string =>
  typeof message?.content === "string" ? message.content : "";

/** "add TEXT" calls the tool with it, "add TEXT and TEXT" twice at once; a result is repeated, anything else echoed. */
export const obeying: Script = ({ messages }) => {
  const last = messages.at(-1);
  if (last?.role === "tool") {
    const from = messages.findLastIndex(({ role }) => role !== "tool");
    return {
      text: `Results: ${messages
        .slice(from + 1)
        .map(contentOf)
        .join(" | ")}`,
    };
  }
  const said = contentOf(last).replace(/^[^\n]*?: (?=add )/, "");
  const texts = /^add (.*)$/s.exec(said)?.[1]?.split(" and ");
  if (!texts) return { text: `You said: ${said}` };
  return { toolCalls: texts.map((text) => ({ name: "commitments_add", arguments: { text } })) };
};

/** A question's row. */
export interface ApprovalRow {
  readonly code: string;
  readonly run_id: string;
  readonly state: string;
  readonly decided_by: string | null;
  readonly principal: string;
}

/** The questions of a principal, oldest first. */
export const approvalsOf = (sql: Sql, principal: string): Promise<ApprovalRow[]> =>
  sql<ApprovalRow[]>`select * from approvals where principal = ${principal} order by created_at, seq`;

/** The first question of a principal that is still to be decided. */
export const pendingOf = async (sql: Sql, principal: string): Promise<ApprovalRow> => {
  const found = await until(
    async () => (await approvalsOf(sql, principal)).find(({ state }) => state === "pending"),
    (row) => row !== undefined,
  );
  if (!found) throw new Error("no question");
  return found;
};

/** Makes a question too old to be decided, and lets its task come. */
export async function expire(sql: Sql, code: string): Promise<void> {
  await sql`update approvals set expires_at = now() - interval '1 second' where code = ${code}`;
  await sql`select graphile_worker.add_job('approval-expiry', json_build_object('code', ${code}::text),
    job_key := 'approval-expiry:' || ${code}::text)`;
}

/** The texts of a principal's commitments. */
export async function commitmentsOf(sql: Sql, principal: string): Promise<number> {
  return (await sql`select 1 from commitments where principal = ${principal}`).length;
}
