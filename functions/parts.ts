/** What /readyz looks at. */
import type { Config } from "../lib/config/config.ts";
import type { Sql } from "../lib/db/client.ts";
import { worksAsOwner } from "../lib/db/roles.ts";
import { openCounts } from "../lib/ledger/open-counts.ts";
import type { MatrixCrypto } from "../lib/matrix/crypto/crypto.ts";
import type { RunningMatrix } from "../lib/matrix/start.ts";
import { createBotHealth } from "../lib/telegram/health.ts";
import type { HealthDeps } from "./health.ts";

/** The parts of a gateway, by the config in force: the database, the queue, Matrix and each agent's keys, each bot. */
export function partsOf({
  config,
  sql,
  matrix,
  crypto,
}: {
  readonly config: () => Config;
  readonly sql: Sql;
  /** Undefined while it starts. */
  readonly matrix: () => RunningMatrix | undefined;
  readonly crypto: Pick<MatrixCrypto, "health">;
}): HealthDeps["parts"] {
  const botHealth = createBotHealth();
  return async () => ({
    database: async () => {
      const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`;
      const asOwner = await worksAsOwner(sql);
      const owner = asOwner ? "; as the journal's owner: docs/audit.md, The database's roles" : "";
      return { ok: true, reason: `PostgreSQL ${row?.version ?? ""}${owner}` };
    },
    queue: async () => {
      const { oldestSeconds } = await openCounts(sql);
      const ok = oldestSeconds < 60;
      return {
        ok,
        reason: ok
          ? "nothing waits"
          : `the oldest waiting message is ${oldestSeconds} s old; see the log for failing tasks`,
      };
    },
    ...(config().matrix && { matrix: async () => matrix()?.status() ?? { ok: false, reason: "starting" } }),
    ...Object.fromEntries(
      (await crypto.health()).map(({ agent, ok, reason }) => [`matrix.${agent}`, async () => ({ ok, reason })]),
    ),
    ...Object.fromEntries([...config().telegram.values()].map((bot) => [`telegram.${bot.name}`, () => botHealth(bot)])),
  });
}
