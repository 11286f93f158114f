/** Which budgets a run draws on. Pure; a budget is counted in Postgres (lib/ledger/budgets.ts). */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config, Job } from "../config/config.ts";
import { groupsOf } from "./access.ts";

/** One limit of a budget. */
export interface BudgetLimit {
  readonly unit: "tokens" | "money";
  readonly most: number;
  /** Where it is written, such as `agents.ops.limits.money_per_day`. */
  readonly key: string;
}

/** What is counted together: a call is made only where it fits in every budget of its run. */
export interface Budget {
  /** `all`, `agent:ops`, `principal:matrix:@me:home.example`, `job:briefing` or `run:<id>`. */
  readonly scope: string;
  /** A day such as `2026-11-24`, or `all` for ever. */
  readonly period: string;
  /** At least one. */
  readonly limits: readonly BudgetLimit[];
}

interface DailyLimits {
  readonly tokens_per_day?: number | undefined;
  readonly money_per_day?: number | undefined;
}

/** A daily budget of any scope, or none where nothing is limited. */
function dailyBudget(scope: string, key: string, limits: DailyLimits, day: string): Budget[] {
  const set: BudgetLimit[] = [
    ...limit("tokens", `${key}.tokens_per_day`, limits.tokens_per_day),
    ...limit("money", `${key}.money_per_day`, limits.money_per_day),
  ];
  return set.length > 0 ? [{ scope, period: day, limits: set }] : [];
}

/** The daily budgets of the config but those of people: of all, each agent and each job. */
export const namedBudgets = (config: Config, day: string): Budget[] => [
  ...dailyBudget("all", "budget", config.budget, day),
  ...[...config.agents.values()].flatMap(({ name, limits }) =>
    dailyBudget(`agent:${name}`, `agents.${name}.limits`, limits, day),
  ),
  ...[...config.jobs.values()].flatMap((job) => jobBudget(job, day)),
];

/** The budgets of a run of the agent for the person, as they are on the day. Empty: nothing is limited. */
export function budgetsOf(
  config: Config,
  run: { readonly agent: Agent; readonly principal: Principal; readonly runId: string },
  day: string,
): Budget[] {
  const { agent, principal, runId } = run;
  const key = `agents.${agent.name}.limits`;
  return [
    ...dailyBudget("all", "budget", config.budget, day),
    ...dailyBudget(`agent:${agent.name}`, key, agent.limits, day),
    ...principalBudget(config, principal, day),
    ...runBudget(agent, runId),
  ];
}

/** What one run of an agent may cost, all the runs that it asks for with it. */
export function runBudget({ name, limits }: Agent, runId: string): Budget[] {
  const perRun = limit("money", `agents.${name}.limits.money_per_run`, limits.money_per_run);
  return perRun.length > 0 ? [{ scope: `run:${runId}`, period: "all", limits: perRun }] : [];
}

/** A day of a job, besides what its agent and all together may use. */
export const jobBudget = ({ name, limits }: Job, day: string): Budget[] =>
  dailyBudget(`job:${name}`, `jobs.${name}.limits`, limits, day);

/** The budget of a person: of each unit, the smallest limit that one of the groups sets that list them. */
export function principalBudget(config: Config, principal: Principal, day: string): Budget[] {
  const all = groupsOf(config, principal, undefined).flatMap(({ name, limits }) =>
    dailyBudget("", `groups.${name}.limits`, limits, day).flatMap((budget) => budget.limits),
  );
  const smallest = (["tokens", "money"] as const).flatMap((unit) =>
    all
      .filter((each) => each.unit === unit)
      .sort((one, two) => one.most - two.most)
      .slice(0, 1),
  );
  return smallest.length > 0 ? [{ scope: `principal:${principal}`, period: day, limits: smallest }] : [];
}

const limit = (unit: BudgetLimit["unit"], key: string, most: number | undefined): BudgetLimit[] =>
  most === undefined ? [] : [{ unit, most, key }];
