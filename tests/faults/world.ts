/** Everything around one gateway process: database, stand-ins, config, people. */
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type Script, type ScriptedRequest, startModelServer } from "../support/model-server.ts";
import { createHome, type Home } from "../support/process.ts";
import { actions, type Stage, stageConfig } from "../support/stage.ts";
import { until } from "../support/until.ts";

export interface World extends Omit<Stage, "gateway" | "stop"> {
  readonly home: Home;
  readonly database: TestDatabase;
  end(): Promise<void>;
}

export async function createWorld(options: {
  script: Script;
  top?: string;
  /** Where the gateway finds the Bot API, if not where it is. */
  botApiUrl?: (botApi: BotApi) => string;
  config?: (toml: string) => string;
}): Promise<World> {
  const [botApi, model, database] = await Promise.all([
    startBotApi(),
    startModelServer(options.script),
    createTestDatabase(),
  ]);
  const botApiUrl = options.botApiUrl?.(botApi) ?? botApi.url;
  const plain = stageConfig({ modelUrl: model.url, botApiUrl, top: options.top ?? "" });
  const toml = options.config?.(plain) ?? plain;
  const home = await createHome(toml, database.url);
  return {
    ...actions(botApi, () => home.publicUrl),
    model,
    toml,
    home,
    database,
    async end() {
      await home.remove();
      await Promise.all([botApi.stop(), model.stop()]);
      await othersGone(database);
      await database.drop();
    },
  };
}

/** PostgreSQL notices a killed client a moment later. */
const othersGone = ({ sql }: TestDatabase): Promise<unknown> =>
  until(
    () => sql`
      select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and application_name <> 'openclaw'`,
    (rows) => rows.length === 0,
  );

/** A model whose every run is two steps: a tool call, then an answer that repeats what was said. */
export const twoSteps = ({ messages }: ScriptedRequest) => {
  const last = messages.at(-1);
  const said = messages.findLast(({ role }) => role === "user")?.content;
  return last?.role === "tool"
    ? { text: `Noted: ${String(said)}` }
    : { toolCalls: [{ name: "commitments_add", arguments: { text: `for ${String(said)}` } }] };
};

/** How much is open in the ledgers. */
async function openWork({ sql }: TestDatabase): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select (select count(*)::int from inbox where state in ('new', 'running')) as inbox,
      (select count(*)::int from runs where state = 'running') as runs,
      (select count(*)::int from outbox where state in ('pending', 'sending')) as outbox`;
  return row ?? {};
}

/** Resolves when no message, run or send is open. */
export const settled = (database: TestDatabase): Promise<unknown> =>
  until(
    () => openWork(database),
    (open) => Object.values(open).every((count) => count === 0),
  );
