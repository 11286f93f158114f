import { and, desc, eq, gt, isNull, lt, ne, sql as raw } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { alertsSeen } from "../../drizzle/schema/jobs.ts";
import type { Sealer } from "../seal.ts";
import type { Alert } from "../sources/alertmanager.ts";
import type { AlertsSeen } from "../tools/alerts.ts";

type Row = typeof alertsSeen.$inferSelect;
type Key = Pick<Row, "fingerprint" | "startsAt">;

/** Rows of this fingerprint are no alerts but the times in which looks followed on each other: from `starts_at` to `last_seen_at`. */
const watched = "";

const keptMs = 30 * 86_400_000;
const mostListed = 1_000;

/** The associated data of an alert's body. */
export const alertSeal = ({ fingerprint, startsAt }: Key): string => `alert:${fingerprint}:${startsAt.toISOString()}`;
const keyOf = ({ fingerprint, startsAt }: Alert): Key => ({ fingerprint, startsAt: new Date(startsAt) });

/** Alerts in Postgres, sealed but for when they began and ended. Several gateways may write at once. */
export function createAlertsSeen(database: PostgresJsDatabase, bodies: Sealer): AlertsSeen {
  const alertOf = (row: Row): Alert => bodies.openJson(row.body, alertSeal(row)) as Alert;
  const open = isNull(alertsSeen.goneAt);
  const isAlert = ne(alertsSeen.fingerprint, watched);
  const isWatch = eq(alertsSeen.fingerprint, watched);
  const same = ({ fingerprint, startsAt }: Key) =>
    and(eq(alertsSeen.fingerprint, fingerprint), eq(alertsSeen.startsAt, startsAt));

  return {
    async record({ alerts, damaged }, { at, patienceMs }) {
      const found = new Map(alerts.map((alert) => [alertSeal(keyOf(alert)), alert]));
      await database.transaction(async (tx) => {
        // One look is kept after the other.
        await tx.execute(raw`select pg_advisory_xact_lock(hashtextextended('alerts-seen', 0))`);
        for (const [seal, alert] of found) {
          const body = bodies.sealJson(alert, seal);
          await tx
            .insert(alertsSeen)
            .values({ ...keyOf(alert), body, lastSeenAt: at, goneAt: null })
            .onConflictDoUpdate({
              target: [alertsSeen.fingerprint, alertsSeen.startsAt],
              set: { body, lastSeenAt: at, goneAt: null },
              // A look that comes late knows less than what is there; one that finds again what had gone is right.
              setWhere: raw`${alertsSeen.lastSeenAt} < ${at.toISOString()}::timestamptz and (${alertsSeen.goneAt} is null or ${alertsSeen.goneAt} < ${at.toISOString()}::timestamptz)`,
            });
        }
        // What could not be read may be one of those that seem to have gone.
        const gone =
          damaged > 0
            ? []
            : await tx
                .select()
                .from(alertsSeen)
                .where(and(isAlert, open, lt(alertsSeen.lastSeenAt, at)));
        for (const row of gone) {
          if (found.has(alertSeal(row))) continue;
          await tx
            .update(alertsSeen)
            .set({ goneAt: endOf(row, alertOf(row), at) })
            .where(same(row));
        }
        const stale = new Date(at.getTime() - patienceMs).toISOString();
        await tx
          .update(alertsSeen)
          .set({ goneAt: alertsSeen.lastSeenAt })
          .where(and(isWatch, open, raw`${alertsSeen.lastSeenAt} < ${stale}::timestamptz`));
        const went = await tx
          .update(alertsSeen)
          .set({ lastSeenAt: raw`greatest(${alertsSeen.lastSeenAt}, ${at.toISOString()}::timestamptz)` })
          .where(and(isWatch, open))
          .returning({ startsAt: alertsSeen.startsAt });
        if (went.length === 0) {
          const begun: Key = { fingerprint: watched, startsAt: at };
          const body = bodies.sealJson(null, alertSeal(begun));
          await tx
            .insert(alertsSeen)
            .values({ ...begun, body, lastSeenAt: at })
            .onConflictDoNothing();
        }
        await tx.delete(alertsSeen).where(lt(alertsSeen.goneAt, new Date(at.getTime() - keptMs)));
      });
    },

    async endedSince(since) {
      const rows = await database
        .select()
        .from(alertsSeen)
        .where(and(isAlert, gt(alertsSeen.goneAt, since)))
        .orderBy(desc(alertsSeen.goneAt))
        .limit(mostListed);
      const [watch] = await database.select().from(alertsSeen).where(and(isWatch, open)).orderBy(alertsSeen.startsAt);
      const ended = rows.map((row) => ({ ...alertOf(row), endsAt: (row.goneAt ?? row.lastSeenAt).toISOString() }));
      return { ended, knownFrom: watch?.startsAt };
    },
  };
}

/** When it had ended at the latest: it was not there at `at`, and was to end by itself before, or not. */
function endOf({ lastSeenAt }: Row, { endsAt }: Alert, at: Date): Date {
  const own = endsAt === undefined ? at : new Date(endsAt);
  return own < at && own > lastSeenAt ? own : at;
}
