/** A limit in money holds only where every model that may be asked has a price. */
import type { Draft } from "./draft.ts";
import type { Problems } from "./problem.ts";

/** Adds a problem for every backend without a price that an agent or job under a money limit may use, by fallbacks too. */
export function checkPrices(draft: Draft, problems: Problems): void {
  if (draft.budget?.unknown_price !== "refuse") return;
  const everywhere = limitOfAll(draft);
  const told = new Set<string>();
  for (const [agent, settings] of Object.entries(draft.agents ?? {})) {
    const { money_per_day, money_per_run } = settings?.limits ?? {};
    const own =
      money_per_day !== undefined ? "money_per_day" : money_per_run !== undefined ? "money_per_run" : undefined;
    const limit = own === undefined ? (everywhere ?? limitOfJob(draft, agent)) : `agents.${agent}.limits.${own}`;
    if (limit === undefined || settings?.backend === undefined) continue;
    for (const backend of reached(draft, settings.backend)) {
      const known = draft.backends?.[backend];
      if (told.has(backend) || known === undefined || known.price !== undefined) continue;
      told.add(backend);
      problems.add(
        `backends.${backend}.price`,
        `is missing, but ${limit} limits money and agents.${agent} may use this backend`,
        'add price = { input = …, output = … } (0 and 0 where it is free), or set budget.unknown_price = "allow"',
      );
    }
  }
}

/** The key of a money limit that may hold for any agent: one of all, or of a group, whose members may have other groups. */
function limitOfAll({ budget, groups }: Draft): string | undefined {
  if (budget?.money_per_day !== undefined) return "budget.money_per_day";
  const group = Object.entries(groups ?? {}).find(([, settings]) => settings?.limits?.money_per_day !== undefined);
  return group && `groups.${group[0]}.limits.money_per_day`;
}

/** The key of a money limit of a job of the agent. */
function limitOfJob({ jobs }: Draft, agent: string): string | undefined {
  const limited = Object.entries(jobs ?? {}).find(
    ([, job]) => job?.agent === agent && job.limits?.money_per_day !== undefined,
  );
  return limited && `jobs.${limited[0]}.limits.money_per_day`;
}

/** A backend and all it may fall back to. */
function reached({ backends }: Draft, first: string): Set<string> {
  const names = new Set([first]);
  for (const name of names)
    for (const next of backends?.[name]?.fallback ?? []) if (next !== undefined) names.add(next);
  return names;
}
