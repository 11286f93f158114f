/** A conversation's history: one sealed turn a run. */
import type { ModelMessage } from "../agent/model.ts";
import type { Lane, Principal } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { derivedId } from "../derived-id.ts";
import { type TaintSource, taintColumn, taintSources } from "../policy/taint.ts";
import type { Sealer } from "../seal.ts";
import type { SpokenTurn, TurnReader } from "../tools/history.ts";

/** What was said and done in one earlier run. */
export interface Turn {
  readonly principal: Principal;
  /** Estimated tokens of all its messages. */
  readonly tokens: number;
  readonly at: Date;
  readonly messages: readonly ModelMessage[];
}

/** The associated data of a sealed turn. */
export const turnSeal = (runId: string): string => `turn:${runId}`;

/** A row of `turns`. */
export interface TurnRow {
  readonly run_id: string;
  readonly principal: Principal;
  readonly tokens: number;
  readonly taint: string | null;
  readonly created_at: Date;
  readonly body: Uint8Array;
}

const opened = (bodies: Sealer, row: TurnRow): Turn => ({
  principal: row.principal,
  tokens: row.tokens,
  at: row.created_at,
  messages: bodies.openJson(row.body, turnSeal(row.run_id)) as ModelMessage[],
});

/** A turn as it is kept; opened only when it is to be shown. */
export interface SealedTurn {
  readonly conversationId: string;
  readonly row: TurnRow;
}

/** More turns than this are never shown to a model. */
const mostTurns = 32;

/** The latest turns of a lane's active conversation since its last `/new`, newest first. */
export async function recentTurns(sql: Sql, lane: string): Promise<SealedTurn[]> {
  const rows = await sql<(TurnRow & { conversation_id: string })[]>`
    select t.conversation_id, t.run_id, t.principal, t.tokens, t.taint, t.created_at, t.body from turns t
    join conversations c on c.id = t.conversation_id and c.lane = ${lane} and c.active and t.id > c.reset_turn
    order by t.id desc limit ${mostTurns}`;
  return rows.map((row) => ({ conversationId: row.conversation_id, row }));
}

/** The newest turns, as many as fit in `tokens` and one more: trimming may still keep a part of that. */
export function shownTurns(sealed: readonly SealedTurn[], tokens: number): readonly SealedTurn[] {
  let left = tokens;
  const end = sealed.findIndex(({ row }) => {
    if (left < 0) return true;
    left -= row.tokens;
    return false;
  });
  return end === -1 ? sealed : sealed.slice(0, end);
}

/** Opens turns. */
export const openTurns = (bodies: Sealer, sealed: readonly SealedTurn[]): Turn[] =>
  sealed.map(({ row }) => opened(bodies, row));

/** What tainted the runs of turns: whoever is shown them is tainted by it too. */
export const taintOf = (sealed: readonly SealedTurn[]): TaintSource[] =>
  sealed.flatMap(({ row }) => taintSources(row.taint));

/** A person's own turns with one agent, newest first, for a search that has to open them one by one. */
export async function* ownTurns(sql: Sql, bodies: Sealer, who: Parameters<TurnReader>[0]): AsyncGenerator<SpokenTurn> {
  const pages = sql<TurnRow[]>`
    select t.run_id, t.principal, t.tokens, t.taint, t.created_at, t.body from turns t
    join conversations c on c.id = t.conversation_id and c.agent = ${who.agent}
    where t.principal = ${who.principal} and t.created_at >= ${who.since}
      and (${who.conversationId ?? null}::uuid is null or t.conversation_id = ${who.conversationId ?? null}::uuid)
    order by t.created_at desc limit 2000`.cursor(100);
  for await (const page of pages)
    for (const row of page) {
      const { at, messages } = opened(bodies, row);
      const spoken = (role: "user" | "assistant"): string =>
        messages
          .filter((message) => message.role === role && message.text !== "")
          .map(({ text }) => text)
          .join("\n");
      yield { at, said: spoken("user"), answered: spoken("assistant"), taint: taintSources(row.taint) };
    }
}

/** A turn that no run in the conversation made: what a job said there. */
export interface ToldTurn {
  /** In place of a run's: unique, and the same whenever it is written. */
  readonly id: string;
  readonly lane: Lane;
  readonly agent: string;
  /** Whether the agent is who answers in a lane where nobody has spoken yet. */
  readonly answers: boolean;
  readonly principal: Principal;
  readonly tokens: number;
  readonly taint: readonly TaintSource[];
  readonly messages: readonly ModelMessage[];
}

/** The id of the turn that a job's run leaves in a lane it spoke in. */
export const jobTurnId = (runId: string, lane: Lane): string => derivedId(`job-turn:${runId}:${lane}`);

/**
 * Keeps a turn in the lane's conversation with the agent, once, so that it is known what an answer there is about. Who answers
 * in a lane where somebody has spoken stays as it is.
 */
export async function keepTurn(sql: Sql, bodies: Sealer, turn: ToldTurn): Promise<void> {
  const { id, lane, agent, answers, principal, tokens, taint, messages } = turn;
  await sql`
    with conversation as (
      insert into conversations as c (id, lane, agent, active)
      select ${derivedId(`${lane} ${agent}`)}::uuid, ${lane}, ${agent},
        ${answers} and not exists (select 1 from conversations o where o.lane = ${lane} and o.active)
      on conflict (lane, agent) do update set active = c.active or excluded.active returning id
    )
    insert into turns (conversation_id, run_id, principal, tokens, taint, body)
    select id, ${id}, ${principal}, ${tokens}, ${taintColumn(taint)}, ${bodies.sealJson(messages, turnSeal(id))}::bytea
    from conversation on conflict (run_id) do nothing`;
}
