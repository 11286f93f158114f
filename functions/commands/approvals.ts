import type { Command } from "commander";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { visible, shownArguments } from "../../lib/conversation/visible.ts";
import { shortTime } from "../../lib/conversation/question.ts";
import type { Sql } from "../../lib/db/client.ts";
import { ClawError } from "../../lib/errors.ts";
import { decideApproval, findApproval, listApprovals, type StoredApproval } from "../../lib/ledger/approvals.ts";
import { createKeyring, type Sealer } from "../../lib/seal.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** `--all` shows so many. */
const most = 200;

/** Adds `claw approvals`: what agents ask approvers for, and the operator's own answer. */
export function register(program: Command, context: CommandContext): void {
  const approvals = program
    .command("approvals")
    .summary("list and decide what agents ask for")
    .description("Questions to approvers about single tool calls, on the database of the gateway.");
  approvals
    .command("list", { isDefault: true })
    .description("What waits for a decision, newest first.")
    .option("--all", `also what was decided, the last ${most}`)
    .option("--json", "one JSON array, arguments included")
    .action(({ all = false, json = false }: { all?: boolean; json?: boolean }) =>
      withApprovals(context, async ({ sql, bodies, timezone }) => {
        const found = await listApprovals(sql, bodies, { pending: !all, limit: most });
        if (json) context.out(JSON.stringify(found, undefined, 2));
        else if (found.length === 0) context.out("Nothing waits for a decision.");
        else for (const line of table(found, timezone)) context.out(line);
      }),
    );
  approvals
    .command("show")
    .argument("<code>")
    .description("One question whole: the exact arguments, who asked, why it is asked.")
    .option("--json", "as JSON")
    .action((code: string, { json = false }: { json?: boolean }) =>
      withApprovals(context, async ({ sql, bodies, timezone }) => {
        const found = await existing(sql, bodies, code);
        if (json) context.out(JSON.stringify(found, undefined, 2));
        else for (const line of describe(found, timezone)) context.out(line);
      }),
    );
  for (const [name, state] of [
    ["approve", "approved"],
    ["deny", "denied"],
  ] as const)
    approvals
      .command(name)
      .argument("<code>")
      .description(`Decides a question as the operator; the gateway goes on at once.`)
      .action((code: string) =>
        withApprovals(context, async ({ sql, bodies }) => {
          const { code: known, tool } = await existing(sql, bodies, code);
          if (!(await decideApproval(sql, known, state, "operator"))) throw late(await existing(sql, bodies, known));
          context.out(`${known}: ${tool} ${state}.`);
        }),
      );
}

interface Opened {
  readonly sql: Sql;
  readonly bodies: Sealer;
  readonly timezone: string;
}

async function withApprovals(context: CommandContext, work: (opened: Opened) => Promise<void>): Promise<void> {
  const config = await context.loadConfig();
  const { bodies } = createKeyring(config.key.reveal());
  await withDatabase(config, (sql) => work({ sql, bodies, timezone: config.timezone }));
}

async function existing(sql: Sql, bodies: Sealer, code: string): Promise<StoredApproval> {
  const found = await findApproval(sql, bodies, code.trim().toLowerCase());
  if (found) return found;
  throw new ClawError("not_found", `there is no question "${visible(code)}"; \`claw approvals list --all\` shows all`);
}

const late = ({ code, state, decidedBy }: StoredApproval): ClawError =>
  new ClawError(
    "bad_request",
    `${code} is ${state} already${decidedBy === undefined ? "" : ` (by ${decidedBy})`}; nothing was changed`,
  );

/** What was written by others cannot turn the terminal around. */
function describe({ code, ...found }: StoredApproval, timezone: string): string[] {
  const { agent, tool, state, principal, lane, rule, runId, shown, expiresAt, decidedBy, decidedAt } = found;
  const decided = decidedAt
    ? ` ${shortTime(decidedAt, timezone)}${decidedBy === undefined ? "" : ` by ${visible(decidedBy)}`}`
    : "";
  return [
    `${code}: ${state}${decided}`,
    ...Object.entries({ agent, tool, "asked by": principal, in: lane, why: rule, run: runId }).map(
      ([name, value]) => `  ${name.padEnd(9)} ${visible(value)}`,
    ),
    `  ${"until".padEnd(9)} ${shortTime(expiresAt, timezone)}`,
    ...(shown?.foreseen === undefined ? [] : [`  ${"that is".padEnd(9)} ${visible(shown.foreseen)}`]),
    shown
      ? shownArguments(shown.input)
      : "  its arguments cannot be opened: they were erased, are past audit.gateway_retention_days, or the row is damaged",
  ];
}

function table(found: readonly StoredApproval[], timezone: string): string[] {
  const rows = found.map(({ code, state, agent, tool, principal, expiresAt, decidedBy }) => [
    code,
    decidedBy === undefined ? state : `${state} by ${visible(decidedBy)}`,
    agent,
    tool,
    visible(principal),
    `until ${shortTime(expiresAt, timezone)}`,
  ]);
  return alignedLines(rows);
}
