import { and, asc, desc, eq, isNotNull, isNull, sql as raw } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { commitments } from "../../drizzle/schema/commitments.ts";
import type { Principal } from "../channel/types.ts";
import { taintColumn, taintSources } from "../policy/taint.ts";
import type { Sealer } from "../seal.ts";
import type { Commitment, CommitmentStore } from "../tools/commitments.ts";

/** Of the open ones, and of those that are done. */
const most = 200;

/** The associated data of a commitment's body. */
export const commitmentSeal = (callKey: string): string => `commitment:${callKey}`;

/** Commitments in Postgres, their text sealed. */
export function createCommitments(database: PostgresJsDatabase, bodies: Sealer): CommitmentStore {
  const mine = (principal: Principal) => eq(commitments.principal, principal);
  const open = isNull(commitments.completedAt);
  const toCommitment = (row: typeof commitments.$inferSelect): Commitment => ({
    id: row.id,
    text: bodies.open(row.body, commitmentSeal(row.callKey)).toString("utf8"),
    due: row.due ?? undefined,
    createdAt: row.createdAt,
    completedAt: row.completedAt ?? undefined,
    taint: taintSources(row.taint),
  });
  return {
    async list(principal, { includeDone }) {
      const rows = await database
        .select()
        .from(commitments)
        .where(and(mine(principal), open))
        .orderBy(raw`${commitments.due} asc nulls last`, asc(commitments.id))
        .limit(most);
      if (!includeDone) return rows.map(toCommitment);
      const done = await database
        .select()
        .from(commitments)
        .where(and(mine(principal), isNotNull(commitments.completedAt)))
        .orderBy(desc(commitments.completedAt), asc(commitments.id))
        .limit(most);
      return [...rows, ...done].map(toCommitment);
    },

    async add(principal, { text, due, taint, callKey, maxOpen }) {
      const [existing] = await database.select().from(commitments).where(eq(commitments.callKey, callKey));
      if (existing) return toCommitment(existing);
      const count = await database.$count(commitments, and(mine(principal), open));
      if (count >= maxOpen) return "full";
      const values = {
        callKey,
        principal,
        body: bodies.seal(text, commitmentSeal(callKey)),
        due: due ?? null,
        taint: taintColumn(taint),
      };
      const [row] = await database.insert(commitments).values(values).onConflictDoNothing().returning();
      if (row) return toCommitment(row);
      const [raced] = await database.select().from(commitments).where(eq(commitments.callKey, callKey));
      if (!raced) throw new Error("insert conflicted with a row that is not there");
      return toCommitment(raced);
    },

    async complete(principal, id) {
      const [row] = await database
        .update(commitments)
        .set({ completedAt: raw`coalesce(${commitments.completedAt}, now())` })
        .where(and(mine(principal), eq(commitments.id, id)))
        .returning();
      return row && toCommitment(row);
    },
  };
}
