/** Which agent answers in a lane, and since when its history counts. */
import { randomUUID } from "node:crypto";
import type { Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";

export interface Conversation {
  readonly id: string;
  readonly agent: string;
}

/** The lane's active conversation, if anybody ever spoke there. */
export async function activeConversation(sql: Sql, lane: Lane): Promise<Conversation | undefined> {
  const [row] = await sql<Conversation[]>`select id, agent from conversations where lane = ${lane} and active`;
  return row;
}

/** Makes the agent the one who answers in the lane; its earlier conversation there goes on where it was left. */
export async function activate(sql: Sql, lane: Lane, agent: string): Promise<Conversation> {
  // Two statements: the partial unique index allows one active row a lane at every moment.
  return sql.begin(async (transaction) => {
    await transaction`update conversations set active = false where lane = ${lane} and active and agent <> ${agent}`;
    const [row] = await transaction<Conversation[]>`
      insert into conversations (id, lane, agent, active) values (${randomUUID()}, ${lane}, ${agent}, true)
      on conflict (lane, agent) do update set active = true returning id, agent`;
    if (!row) throw new Error("insert returned no row");
    return row;
  });
}

/** The agent's conversation in the lane, whoever answers there. */
export async function conversationWith(sql: Sql, lane: Lane, agent: string): Promise<Conversation> {
  const [row] = await sql<Conversation[]>`
    insert into conversations (id, lane, agent, active)
    select ${randomUUID()}::uuid, ${lane}, ${agent}, not exists (select 1 from conversations where lane = ${lane} and active)
    on conflict (lane, agent) do update set agent = excluded.agent returning id, agent`;
  if (!row) throw new Error("insert returned no row");
  return row;
}

/** `/new`: what was said before is no longer shown to the model. Nothing is deleted. */
export async function resetHistory(sql: Sql, lane: Lane): Promise<void> {
  await sql`
    update conversations c set reset_turn = coalesce((select max(t.id) from turns t where t.conversation_id = c.id), 0)
    where c.lane = ${lane} and c.active`;
}
