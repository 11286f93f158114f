import type { Command } from "commander";
import { type ErasableRun, eraseRuns, type Erasure, planErasure } from "../../lib/audit/erase.ts";
import { visible } from "../../lib/conversation/visible.ts";
import { alignedLines } from "../../lib/policy/aligned-lines.ts";
import { shortTime } from "../../lib/time/names.ts";
import { asked } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { withDatabase } from "./database.ts";

/** Adds `claw audit erase`: what was said in a run can be opened by nobody any more. */
export function addErase(audit: Command, context: CommandContext): void {
  audit
    .command("erase")
    .argument("<run>", "its id, or the last 8 characters of it")
    .summary("make what was said in a run unreadable for everybody, for good")
    .description(
      "Drops both keys of a run and what else is kept of what was said in it. Its rows and their chain stay. Runs that it asked for, that followed it or that replayed it are erased with it.",
    )
    .option("--later", "also the later runs of its conversation, which may repeat what was said in it")
    .option("--yes", "without asking")
    .action(async (id: string, { later = false, yes = false }: { later?: boolean; yes?: boolean }) => {
      const config = await context.loadConfig();
      await withDatabase(config, async (sql) => {
        const plan = await planErasure(sql, id);
        const runs = [plan.run, ...plan.below, ...(later ? plan.later : [])];
        for (const line of describe(plan, runs, config.timezone)) context.note(line);
        if (!later && plan.later.length > 0) context.note(mayRepeat(plan.later.length));
        if (plan.run.parentRunId !== null)
          context.note(`Run ${plan.run.parentRunId}, which it belongs to, holds what came of it, and is not erased.`);
        if (!yes && !(await asked("This cannot be undone. Erase?"))) return context.note("Nothing was erased.");
        await eraseRuns(
          sql,
          runs.map((run) => run.id),
        );
        context.out(`Erased: ${runs.map((run) => run.id).join(", ")}.`);
      });
    });
}

function describe({ run }: Erasure, runs: readonly ErasableRun[], timezone: string): string[] {
  const rows = runs.map((each) => [
    each.id,
    shortTime(each.startedAt, timezone),
    each.agent,
    visible(each.principal),
    each.trigger,
    ...(each.erasedAt ? ["erased before"] : []),
  ]);
  return [
    `To be erased, for the gateway and for the operator's identity${runs.length > 1 ? `, with run ${run.id}` : ""}:`,
    ...alignedLines(rows),
    "Notes, commitments and schedules that it made stay, and so do the messages in the chats themselves and copies in backups.",
  ];
}

const mayRepeat = (count: number): string =>
  count === 1
    ? "A later run of its conversation may repeat what was said in it: --later erases that, too."
    : `${count} later runs of its conversation may repeat what was said in it: --later erases them, too.`;
