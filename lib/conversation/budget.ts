/** The meter of a run: its calls are held and settled in all budgets that it draws on. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkpoint } from "../checkpoint.ts";
import type { Agent, Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { type BudgetState, type Exceeded, markWarned, reserve, settle, type Spend } from "../ledger/budgets.ts";
import type { Run } from "../ledger/runs.ts";
import type { Meter } from "../llm/meter.ts";
import { type Budget, budgetsOf, dayIn } from "../policy/budget.ts";
import { OncePer } from "../rate-limit.ts";
import type { ConversationDeps } from "./deps.ts";

type BudgetDeps = Pick<ConversationDeps, "sql" | "worker" | "report" | "metrics" | "log">;

/** What a meter is for. */
export interface MeteredRun {
  readonly config: Config;
  readonly agent: Agent;
  readonly run: Pick<Run, "id" | "principal">;
  /** Budgets besides those of its agent and person, such as a job's. */
  readonly more?: (day: string) => readonly Budget[];
}

/** The meter of a run; undefined where nothing limits it, so that its calls cost no statement. */
export function budgetMeter(deps: BudgetDeps, { config, agent, run, more }: MeteredRun): Meter | undefined {
  const budgetsNow = (): Budget[] => {
    const day = dayIn(config.timezone, new Date());
    const own = budgetsOf(config, { agent, principal: run.principal, runId: run.id }, day);
    return [...own, ...(more?.(day) ?? [])];
  };
  if (budgetsNow().length === 0) return undefined;
  return {
    async reserve(backend, cost) {
      const budgets = budgetsNow();
      const worst = { tokens: cost.tokens, money: cost.money ?? 0 };
      const held = await reserve(deps.sql, { runId: run.id, worker: deps.worker, budgets, worst });
      if (typeof held !== "string") throw await refuse(deps, config, agent, worst, held);
      checkpoint("budget.reserved");
      return async (used) => {
        if (!used) sayUnknown(deps, backend.name);
        const spent = used && { tokens: used.tokens, money: used.money ?? 0 };
        await settleSurely(deps, held, spent, (states) => warn(deps, config, budgets, states));
      };
    },
  };
}

const againMs = 500;

/** Settles at once or, where the database is away, in the background: its call must not fail for that. */
async function settleSurely(
  { sql, log }: BudgetDeps,
  id: string,
  spent: Spend | undefined,
  then: (states: readonly BudgetState[]) => Promise<void>,
): Promise<void> {
  const attempt = async (): Promise<void> => then(await settle(sql, id, spent));
  try {
    await attempt();
  } catch (err) {
    log.warn({ err }, "a call could not be settled in its budgets; it is tried again");
    void (async () => {
      // Until this process ends: then the sweep settles it at what it held.
      for (;;) {
        await sleep(againMs, undefined, { ref: false });
        const done = await attempt().then(
          () => true,
          (failed: { code?: unknown }) => failed.code === "CONNECTION_ENDED",
        );
        if (done) return;
      }
    })();
  }
}

const unknownOnce = new OncePer(3_600_000);

function sayUnknown({ log }: BudgetDeps, backend: string): void {
  if (unknownOnce.allows(backend))
    log.warn({ backend }, "it is not known what a call used: budgets count it as the most it can have been");
}

/** Tells the operator, once a budget, that the soft threshold is passed. */
async function warn(
  deps: BudgetDeps,
  config: Config,
  budgets: readonly Budget[],
  states: readonly BudgetState[],
): Promise<void> {
  for (const state of states) {
    const budget = budgets.find(({ scope, period }) => scope === state.scope && period === state.period);
    if (!budget || state.warned || state.period === "all") continue;
    const passed = budget.limits.filter(({ unit, most }) => state.spent[unit] >= most * config.budget.warn_at);
    if (passed.length === 0) continue;
    const parts = passed.map(
      ({ unit, most, key }) => `${amount(state.spent[unit], unit)} of ${amount(most, unit)} (\`${key}\`)`,
    );
    const text = `Budget \`${state.scope}\` of ${state.period}: used ${parts.join(" and ")}. At the limit its calls are refused until midnight (${config.timezone}).`;
    deps.log.warn({ scope: state.scope, day: state.period, spent: state.spent }, "a budget is nearly used up");
    await deps.report({ key: `budget-warned:${state.scope}:${state.period}`, text });
    await markWarned(deps.sql, state);
  }
}

async function refuse(
  deps: BudgetDeps,
  config: Config,
  agent: Agent,
  worst: Spend,
  { budget, limit, state }: Exceeded,
): Promise<ClawError> {
  const { unit, most, key } = limit;
  const kind = budget.scope.split(":", 1)[0] ?? "";
  deps.metrics.budgetRefusals.inc({ scope: kind });
  const daily = budget.period !== "all";
  const facts = `\`${key}\`: of ${amount(most, unit)}, ${amount(state.spent[unit], unit)} is used and ${amount(state.held[unit], unit)} held for calls under way; this call could take ${amount(worst[unit], unit)}`;
  const until = daily ? ` until midnight (${config.timezone})` : "";
  // Runs come and go: of theirs, one a day and agent is told.
  const once = daily
    ? `${budget.scope}:${budget.period}`
    : `${kind}:${agent.name}:${dayIn(config.timezone, new Date())}`;
  await deps.report({
    key: `budget-refused:${once}`,
    text: `A run of **${agent.name}** was refused by the budget \`${daily ? budget.scope : kind}\`. ${facts}. Further ones are refused${until} without a word here.`,
  });
  return new ClawError(
    "limit_reached",
    `a call to the model was refused${until}: ${facts.replaceAll("`", "")}. Raise ${key}, or wait`,
    {
      say: `I stopped: of the ${unit} that ${whose[kind] ?? "this"} may use${daily ? " in a day" : ""}, too little is left.${daily ? ` There is more after midnight (${config.timezone}).` : ""} Whoever runs this gateway can raise it (\`${key}\`).`,
    },
  );
}

const whose: Partial<Record<string, string>> = {
  all: "all agents together",
  agent: "this agent",
  principal: "you",
  run: "one run",
  job: "this job",
};

const amount = (value: number, unit: keyof Spend): string =>
  unit === "tokens" ? `${value} tokens` : `${Number(value.toFixed(6))}`;
