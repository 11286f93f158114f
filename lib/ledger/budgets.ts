/**
 * Budgets in Postgres, one for all replicas: what a call can cost at most is held in all of its budgets before it is made,
 * and what it did cost is settled after it. Every statement here locks budgets in the order of (scope, period).
 */
import type { Sql } from "../db/client.ts";
import type { Budget, BudgetLimit } from "../policy/budget.ts";

/** Tokens of input and output together, and their price. */
export interface Spend {
  readonly tokens: number;
  readonly money: number;
}

/** Where a budget stands. */
export interface BudgetState {
  readonly scope: string;
  readonly period: string;
  /** Settled. */
  readonly spent: Spend;
  /** Of calls under way. */
  readonly held: Spend;
  readonly warned: boolean;
}

/** A limit that a call did not fit in, and how its budget stood. */
export interface Exceeded {
  readonly budget: Budget;
  readonly limit: BudgetLimit;
  readonly state: BudgetState;
}

interface Row {
  readonly scope: string;
  readonly period: string;
  readonly tokens: number;
  readonly money: number;
  readonly held_tokens: number;
  readonly held_money: number;
  readonly warned: boolean;
}

const stateOf = (row: Row): BudgetState => ({
  scope: row.scope,
  period: row.period,
  spent: { tokens: row.tokens, money: row.money },
  held: { tokens: row.held_tokens, money: row.held_money },
  warned: row.warned,
});

/** Money is kept in millionths; a hold is rounded up, so that it is never less than its call. */
const micro = (money: number): string => (Math.ceil(money * 1e6 - 1e-6) / 1e6).toFixed(6);

const divisionByZero = "22012";
/** Between a refusal and the look at its reason another call may be settled; so often in a row is no accident. */
const tries = 5;

/** A call that is to be made. */
interface Call {
  /** Of its hold: new for every call. */
  readonly id: string;
  readonly runId: string;
  readonly worker: string;
  readonly budgets: readonly Budget[];
  /** The most it can cost. */
  readonly worst: Spend;
}

/**
 * Holds the most that a call can cost, in all of its budgets or, where one of their limits would be passed, in none.
 * Returns what would be exceeded; undefined: it is held. Where this throws, it may be held all the same.
 */
export async function reserve(sql: Sql, call: Call): Promise<Exceeded | undefined> {
  for (let count = 0; count < tries; count++) {
    if (await hold(sql, call)) return undefined;
    const exceeded = await findExceeded(sql, call);
    if (exceeded) return exceeded;
  }
  throw new Error("the budgets refused a call that fits in them");
}

async function findExceeded(sql: Sql, { budgets, worst }: Call): Promise<Exceeded | undefined> {
  const wanted = { tokens: worst.tokens, money: Number(micro(worst.money)) };
  const states = await readBudgets(sql, budgets);
  for (const budget of budgets) {
    const found = states.find(({ scope, period }) => scope === budget.scope && period === budget.period);
    const state = found ?? nothing(budget);
    const limit = budget.limits.find(({ unit, most }) => state.spent[unit] + state.held[unit] + wanted[unit] > most);
    if (limit) return { budget, limit, state };
  }
  return undefined;
}

const nothing = ({ scope, period }: Budget): BudgetState => ({
  scope,
  period,
  spent: { tokens: 0, money: 0 },
  held: { tokens: 0, money: 0 },
  warned: false,
});

/** Returns whether it fitted. */
async function hold(sql: Sql, { id, runId, worker, budgets, worst }: Call): Promise<boolean> {
  const wanted = budgets.map(({ scope, period, limits }) => ({
    scope,
    period,
    most_tokens: limits.find(({ unit }) => unit === "tokens")?.most,
    most_money: limits.find(({ unit }) => unit === "money")?.most,
  }));
  const scopes = JSON.stringify(budgets.map(({ scope, period }) => [scope, period]));
  const money = micro(worst.money);
  try {
    // One limit passed divides by zero, and with that nothing of the statement has happened: all or none, in one trip.
    await sql`
      with wanted as (
        select * from jsonb_to_recordset(${sql.json(wanted)}) as w
          (scope text, period text, most_tokens bigint, most_money numeric)
      ), held as (
        insert into budgets as b (scope, period, held_tokens, held_money)
        select scope, period, ${worst.tokens}::bigint, ${money}::text::numeric from wanted order by scope, period
        on conflict (scope, period) do update
          set held_tokens = b.held_tokens + excluded.held_tokens, held_money = b.held_money + excluded.held_money
        returning scope, period, tokens + held_tokens as tokens, money + held_money as money
      ), kept as (
        insert into budget_holds (id, run_id, scopes, tokens, money, worker)
        values (${id}, ${runId}, ${scopes}, ${worst.tokens}::bigint, ${money}::text::numeric, ${worker})
      )
      select 1 / bool_and(coalesce(tokens <= most_tokens, true) and coalesce(money <= most_money, true))::int
      from held join wanted using (scope, period)`;
    return true;
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === divisionByZero) return false;
    throw thrown;
  }
}

/**
 * Settles a hold at what was used, or at all it held where nobody knows. Once: whoever comes second changes nothing.
 * Returns where its budgets stand now.
 */
export async function settle(sql: Sql, id: string, used: Spend | undefined): Promise<BudgetState[]> {
  const rows = await sql<Row[]>`
    with gone as (
      delete from budget_holds where id = ${id} returning scopes, tokens, money
    ), settled as (
      insert into budgets as b (scope, period, tokens, money, held_tokens, held_money)
      select pair->>0, pair->>1, coalesce(${used?.tokens ?? null}::bigint, g.tokens),
        coalesce(${used === undefined ? null : micro(used.money)}::text::numeric, g.money), -g.tokens, -g.money
      from gone g, jsonb_array_elements(g.scopes::jsonb) as pair order by 1, 2
      on conflict (scope, period) do update set tokens = b.tokens + excluded.tokens, money = b.money + excluded.money,
        held_tokens = b.held_tokens + excluded.held_tokens, held_money = b.held_money + excluded.held_money
      returning scope, period, tokens, money, held_tokens, held_money, warned_at
    )
    select scope, period, tokens, money::float8, held_tokens, held_money::float8, warned_at is not null as warned
    from settled order by scope, period`;
  return rows.map(stateOf);
}

/** Where the budgets stand; one that nothing was held in yet is absent. */
export async function readBudgets(
  sql: Sql,
  budgets: readonly Pick<Budget, "scope" | "period">[],
): Promise<BudgetState[]> {
  const rows = await sql<Row[]>`
    select b.scope, b.period, tokens, money::float8, held_tokens, held_money::float8, warned_at is not null as warned
    from budgets b join unnest(${budgets.map(({ scope }) => scope)}::text[], ${budgets.map(({ period }) => period)}::text[])
      as w (scope, period) on b.scope = w.scope and b.period = w.period`;
  return rows.map(stateOf);
}

/** All budgets of a day, by scope. */
export async function budgetsOfDay(sql: Sql, day: string): Promise<BudgetState[]> {
  const rows = await sql<Row[]>`
    select scope, period, tokens, money::float8, held_tokens, held_money::float8, warned_at is not null as warned
    from budgets where period = ${day} order by scope`;
  return rows.map(stateOf);
}

/** Notes that the operator was told of the soft threshold. */
export async function markWarned(sql: Sql, { scope, period }: Pick<Budget, "scope" | "period">): Promise<void> {
  await sql`update budgets set warned_at = now() where scope = ${scope} and period = ${period} and warned_at is null`;
}

/** Forgets what runs that have ended spent each: the days have it. */
export async function dropRunBudgets(sql: Sql): Promise<void> {
  await sql`
    delete from budgets b where period = 'all' and starts_with(scope, 'run:') and held_tokens = 0 and held_money = 0
      and not exists (select 1 from runs r where r.id = substr(b.scope, 5)::uuid and r.state in ('running', 'waiting'))`;
}
