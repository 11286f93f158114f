/** The meter of a run: its calls are held and settled in all budgets that it draws on. */
import { randomUUID } from "node:crypto";
import { checkpoint } from "../checkpoint.ts";
import type { Agent, Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { type BudgetState, type Exceeded, markWarned, reserve, settle, type Spend } from "../ledger/budgets.ts";
import type { Run } from "../ledger/run.ts";
import type { Meter } from "../llm/meter.ts";
import { type Budget, budgetsOf } from "../policy/budget.ts";
import { OncePer } from "../rate-limit.ts";
import type { ConversationDeps } from "./deps.ts";
import { dayOf } from "../time/wall-clock.ts";

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
    const day = dayOf(new Date(), config.timezone);
    const own = budgetsOf(config, { agent, principal: run.principal, runId: run.id }, day);
    return [...own, ...(more?.(day) ?? [])];
  };
  if (budgetsNow().length === 0) return undefined;
  return {
    async reserve(backend, cost) {
      const budgets = budgetsNow();
      const worst = { tokens: cost.tokens, money: cost.money ?? 0 };
      const id = randomUUID();
      const call = { id, runId: run.id, worker: deps.worker, budgets, worst };
      const exceeded = await reserve(deps.sql, call).catch((thrown: unknown) => {
        // Held perhaps, if only the answer was lost; the call is not made.
        settleLater(deps, async () => void (await settle(deps.sql, id, { tokens: 0, money: 0 })));
        throw thrown;
      });
      if (exceeded) throw await refuse(deps, config, agent, worst, exceeded);
      checkpoint("budget.reserved");
      return async (used) => {
        if (!used) sayUnknown(deps, backend.name);
        const spent = used && { tokens: used.tokens, money: used.money ?? 0 };
        const settled = async (): Promise<void> => warn(deps, config, budgets, await settle(deps.sql, id, spent));
        await settled().catch((err: unknown) => {
          deps.log.warn({ err }, "a call could not be settled in its budgets; it is tried again");
          settleLater(deps, settled);
        });
      };
    },
  };
}

const againMs = 500;

/**
 * Tries until it is done: while the database is away nobody waits for that. Ended with this process, it is left to the
 * sweep, which settles a dead process's calls at what they held.
 */
function settleLater(deps: Pick<BudgetDeps, "log">, attempt: () => Promise<void>): void {
  const timer = setTimeout(() => {
    attempt().catch((err: { code?: unknown }) => {
      if (err.code === "CONNECTION_ENDED") return;
      deps.log.debug({ err }, "a call could not be settled yet");
      settleLater(deps, attempt);
    });
  }, againMs);
  timer.unref();
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
      ({ unit, most, key }) =>
        `${amount(state.spent[unit])} of ${amount(most)}${unit === "tokens" ? " tokens" : ""} (\`${key}\`)`,
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
  const number = (value: Spend): string => amount(value[unit]);
  const facts = `\`${key}\`: ${number(state.spent)} of ${amount(most)}${unit === "tokens" ? " tokens" : ""} are used and ${number(state.held)} held for calls under way; this call could take ${number(worst)}`;
  const until = daily ? ` until midnight (${config.timezone})` : "";
  // Runs come and go: of theirs, one a day and agent is told.
  const once = daily
    ? `${budget.scope}:${budget.period}`
    : `${kind}:${agent.name}:${dayOf(new Date(), config.timezone)}`;
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

const amount = (value: number): string => String(Number(value.toFixed(6)));
