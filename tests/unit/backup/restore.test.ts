import assert from "node:assert/strict";
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { writeBackup } from "../../../lib/backup/backup.ts";
import { collectConfig } from "../../../lib/backup/config-files.ts";
import type { Manifest } from "../../../lib/backup/format.ts";
import { verifyArchive } from "../../../lib/backup/read-archive.ts";
import { refuseForeign, restoreDatabase } from "../../../lib/backup/restore.ts";
import { writeConfig } from "../../../lib/backup/write-config.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import type { Sql } from "../../../lib/db/client.ts";
import { lastMigration, migrations, tablesAt } from "../../../lib/db/migrations.ts";
import { createKeyring } from "../../../lib/seal.ts";
import { knownTools } from "../../../lib/tools/own.ts";
import { createTestDatabase } from "../../support/database.ts";
import { createEmptyDatabase } from "../../support/empty-database.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { makeOldDatabase } from "../../support/old-schema.ts";
import { telegramConfig } from "../../support/telegram-config.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-restore-"));
after(() => rmSync(directory, { recursive: true }));
const identity = await generateIdentity();
const recipients = [await identityToRecipient(identity)];
const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");

const plain = telegramConfig({ modelUrl: "http://127.0.0.1:1", botApiUrl: "http://127.0.0.1:1" });
let folders = 0;
function configFolder(toml = plain): string {
  const folder = join(directory, `config-${++folders}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "openclaw.toml"), toml);
  writeFileSync(join(folder, "prompt.md"), "You help.\n");
  return folder;
}

/** Backs a database up with the config of a folder. */
async function backUp(databaseUrl: string, folder: string, more: Record<string, string> = {}): Promise<string> {
  const env = new Environment({ ...testEnvironment, ...more });
  const configFile = join(folder, "openclaw.toml");
  const { facts } = await knownTools(configFile);
  const config = loadConfig(configFile, { env, tools: facts });
  const file = join(directory, `backup-${++folders}.age`);
  await writeBackup(createWriteStream(file), { config, env, databaseUrl, recipients, secrets: true });
  return file;
}

async function rowsOf(sql: Sql, tables: ReturnType<typeof tablesAt>): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name, columns } of tables) {
    const rows = await sql<{ row: string }[]>`select row(${sql(columns)})::text as row from ${sql(name)} order by 1`;
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

for (const migration of migrations())
  test(`a backup of a database of ${migration.tag} is restored into today's, with every row as it was`, async () => {
    const [old, fresh] = [await createEmptyDatabase(), await createEmptyDatabase()];
    await makeOldDatabase(old.sql, migration, { keyring, person: 2001 });
    const file = await backUp(old.url, configFolder());
    const verified = await verifyArchive({ file, identity });
    assert.equal(verified.manifest.migration.tag, migration.tag);
    const options = { archive: { file, identity }, verified, config: { jobs: new Map() }, databaseUrl: fresh.url };
    const restored = await restoreDatabase({ ...options, resume: true });
    assert.equal(restored.aside, undefined);
    // Logins are not moved.
    const tables = tablesAt(migration).filter(({ name }) => name !== "ops_sessions");
    assert.deepEqual(await rowsOf(fresh.sql, tables), await rowsOf(old.sql, tables));
    assert.equal(await lastMigration(fresh.sql), migrations().at(-1)?.when);
    const [added] = await fresh.sql<{ id: number }[]>`
      insert into inbox (source, channel, lane, kind, state) values ('next', 'telegram', 'l', 'other', 'done') returning id`;
    assert.equal(added?.id, 2);
    await assert.rejects(fresh.sql`update journal set type = 'x'`, /append-only/);
    for (const database of [old, fresh]) await database.drop();
  });

test("what a backup names beyond the tables, columns and sequences of its migration is refused before the database is touched", async () => {
  const database = await createTestDatabase();
  const file = await backUp(database.url, configFolder());
  const verified = await verifyArchive({ file, identity });
  const tables = { ...verified.manifest.tables, runs: ["id", "password"] };
  const foreign = { ...verified, manifest: { ...verified.manifest, tables } };
  const fresh = await createEmptyDatabase();
  const options = { archive: { file, identity }, config: { jobs: new Map() }, databaseUrl: fresh.url, resume: false };
  await assert.rejects(restoreDatabase({ ...options, verified: foreign }), /"runs" is not as \w+ makes it/);
  assert.equal(await lastMigration(fresh.sql), undefined);
  // The database may be somebody else's too.
  await fresh.sql`create table invoices (id int generated always as identity)`;
  const sequences = { ...verified.manifest.sequences, "invoices.id": 9_000 };
  const greedy = { ...verified, manifest: { ...verified.manifest, sequences } };
  await assert.rejects(restoreDatabase({ ...options, verified: greedy }), /sequence "invoices\.id" is not as/);
  assert.equal(await lastMigration(fresh.sql), undefined);
  for (const each of [database, fresh]) await each.drop();
});

test("a user who may not make tables, or not read them, is told whose URL to set", async () => {
  const database = await createTestDatabase();
  const file = await backUp(database.url, configFolder());
  const verified = await verifyArchive({ file, identity });
  const fresh = await createEmptyDatabase();
  await fresh.sql.unsafe(
    `do $$ begin create role nobody_much login; exception when duplicate_object then null; end $$`,
  );
  const address = new URL(fresh.url);
  address.username = "nobody_much";
  const options = { archive: { file, identity }, verified, config: { jobs: new Map() }, databaseUrl: address.href };
  await assert.rejects(restoreDatabase({ ...options, resume: false }), /may not make tables.*database\.owner_url/);
  address.pathname = new URL(database.url).pathname;
  await assert.rejects(backUp(address.href, configFolder()), /may not read all of it.*database\.owner_url/);
  for (const each of [database, fresh]) await each.drop();
});

test("a later version's backup is refused with the version to install, and one of a working gateway is not resumed", () => {
  const manifest = { version: "9.9.9", migration: { tag: "0099_later", when: 9e12 }, gateway: "running" } as Manifest;
  assert.throws(() => refuseForeign(manifest, { resume: false }), /install 9\.9\.9 or a later one/);
  const [migration] = migrations();
  const known = { ...manifest, migration } as Manifest;
  assert.throws(() => refuseForeign(known, { resume: true }), /done twice/);
  refuseForeign(known, { resume: false });
});

test("a config comes back with prompts, own tools, credentials, files from elsewhere and every variable it names", async () => {
  const database = await createTestDatabase();
  const secretFile = join(directory, "hs-token");
  writeFileSync(secretFile, "canary_hook_secret_from_a_file\n", { mode: 0o600 });
  const folder = configFolder(
    `tools_dir = "tools"\n${plain.replace('webhook_secret = { env = "TELEGRAM_SECRET" }', `webhook_secret = { file = "${secretFile}" }`)}`.replace(
      'api_key = { env = "LLM_API_KEY" }',
      'api_key = { credential = "llm-key" }',
    ),
  );
  mkdirSync(join(folder, "tools/shared"), { recursive: true });
  writeFileSync(join(folder, "tools/shared/data.json"), "{}");
  writeFileSync(join(folder, "postgres.env"), "POSTGRES_PASSWORD=x\n");
  writeFileSync(join(folder, ".env"), '# ours\nMCP_EXTRA="kept as it is"\nTELEGRAM_TOKEN=stale\n');
  const credentials = join(directory, "credentials");
  mkdirSync(credentials);
  writeFileSync(join(credentials, "llm-key"), "canary-llm-credential\n");
  const token = `7:it's "quoted" # and $odd`;
  const file = await backUp(database.url, folder, {
    ...{ TELEGRAM_TOKEN: token, CREDENTIALS_DIRECTORY: credentials, DATABASE_URL: "postgres://user:pass@db/openclaw" },
  });

  const target = join(directory, "restored");
  const verified = await verifyArchive({ file, identity });
  const { files, elsewhere } = await writeConfig({ file, identity }, target, verified);
  const names = files.map((path) => path.slice(target.length + 1)).sort();
  assert.deepEqual(names, [
    ...[".env", "credentials/llm-key", "elsewhere/1-hs-token", "openclaw.toml", "postgres.env", "prompt.md"],
    ...["tools/shared/data.json"],
  ]);
  assert.equal(files.at(-1), join(target, "openclaw.toml"));
  // The gateway's user need not be who restores.
  const modes = ["", "tools", "tools/shared/data.json", "prompt.md", "credentials", "elsewhere", ".env"];
  assert.deepEqual(
    modes.map((path) => (statSync(join(target, path)).mode & 0o777).toString(8)),
    ["755", "755", "644", "644", "700", "700", "600"],
  );
  assert.deepEqual(elsewhere, [{ at: join(target, "elsewhere/1-hs-token"), was: secretFile }]);
  const { readEnvFile } = await import("../../../lib/config/environment.ts");
  const values = readEnvFile(join(target, ".env"));
  assert.deepEqual(
    [values["TELEGRAM_TOKEN"], values["OPENCLAW_KEY"], values["MCP_EXTRA"], values["DATABASE_URL"]],
    [token, testEnvironment["OPENCLAW_KEY"], "kept as it is", "postgres://user:pass@db/openclaw"],
  );
  const env = new Environment({}, { CREDENTIALS_DIRECTORY: join(target, "credentials"), ...values });
  const { facts } = await knownTools(join(target, "openclaw.toml"));
  const config = loadConfig(join(target, "openclaw.toml"), { env, tools: facts });
  assert.equal(config.backends.get("main")?.apiKey?.reveal(), "canary-llm-credential");
  await assert.rejects(writeConfig({ file, identity }, target, verified), /nothing is written over/);
  await database.drop();
});

test("a secret from elsewhere does not take the name of one that an earlier restore has put beside the config", () => {
  const outside = join(directory, "bot-token");
  writeFileSync(outside, "7:canary\n", { mode: 0o600 });
  const folder = configFolder(
    plain
      .replace(
        'webhook_secret = { env = "TELEGRAM_SECRET" }',
        'webhook_secret = { file = "FOLDER/elsewhere/1-bot-token" }',
      )
      .replace('token = { env = "TELEGRAM_TOKEN" }', `token = { file = "${outside}" }`),
  );
  mkdirSync(join(folder, "elsewhere"));
  writeFileSync(join(folder, "elsewhere/1-bot-token"), "canary_hook_secret_0123\n");
  const configFile = join(folder, "openclaw.toml");
  writeFileSync(configFile, readFileSync(configFile, "utf8").replace("FOLDER", folder));
  const { files, elsewhere } = collectConfig(configFile, new Environment(testEnvironment), { secrets: true });
  const names = files.map(({ name }) => name.replace(/^config\//, "")).filter((name) => name.startsWith("elsewhere/"));
  assert.deepEqual(names.sort(), ["elsewhere/1-bot-token", "elsewhere/2-bot-token"]);
  assert.deepEqual(elsewhere, { "elsewhere/2-bot-token": outside });
});

test("a file that an archive would put outside of the folder is refused", async () => {
  const { writeArchive } = await import("../../../lib/backup/write-archive.ts");
  for (const name of ["config/..", "config/../../evil", "config//etc/evil", "elsewhere/../../evil"]) {
    const file = join(directory, `evil-${++folders}.age`);
    const { contents } = await writeArchive(
      createWriteStream(file),
      { recipients, key: keyring.checkpointKey() },
      async (archive) => {
        await archive.add(name, Buffer.from("x"));
        return {};
      },
    );
    const target = join(directory, `target-${folders}`);
    const verified = { contents, manifest: { elsewhere: {} } as Manifest };
    await assert.rejects(writeConfig({ file, identity }, target, verified), /none of a config/, name);
  }
});

test("a config that cannot be written, or names one file twice, is refused with the reason", async () => {
  const { writeArchive } = await import("../../../lib/backup/write-archive.ts");
  for (const [names, told] of [
    [["config/a", "config/a/b"], /^the config cannot be written: E(EXIST|NOTDIR)/],
    [[`config/${"n".repeat(300)}`], /^the config cannot be written: ENAMETOOLONG/],
    [["config/elsewhere/1-key", "elsewhere/1-key"], /"elsewhere\/1-key", which is none of a config/],
  ] as const) {
    const file = join(directory, `unwritable-${++folders}.age`);
    const { contents } = await writeArchive(
      createWriteStream(file),
      { recipients, key: keyring.checkpointKey() },
      async (archive) => {
        for (const name of names) await archive.add(name, Buffer.from("x"));
        return {};
      },
    );
    const verified = { contents, manifest: { elsewhere: {} } as Manifest };
    const target = join(directory, `target-${folders}`);
    await assert.rejects(writeConfig({ file, identity }, target, verified), { name: "ClawError", message: told });
  }
});

test("a backup that is another by the time its config is written is refused, and nothing of the other one is written", async () => {
  const { writeArchive } = await import("../../../lib/backup/write-archive.ts");
  const file = join(directory, "exchanged.age");
  const put = async (entries: readonly (readonly [string, string])[]) => {
    const { contents } = await writeArchive(
      createWriteStream(file),
      { recipients, key: keyring.checkpointKey() },
      async (archive) => {
        for (const [name, text] of entries) await archive.add(name, Buffer.from(text));
        return {};
      },
    );
    return { contents, manifest: { elsewhere: {} } as Manifest };
  };
  const whole = [
    ["config/prompts/ops.md", "You help."],
    ["config/openclaw.toml", "ours"],
  ] as const;
  const others = {
    changed: [whole[0], ["config/openclaw.toml", "theirs"]],
    added: [whole[0], ["config/tools/evil.ts", "theirs"], whole[1]],
    "left out": [whole[1]],
  } as const;
  const verified = await put(whole);
  for (const [how, entries] of Object.entries(others)) {
    await put(entries);
    const target = join(directory, `exchanged ${how}`);
    await assert.rejects(writeConfig({ file, identity }, target, verified), /changed while it was restored/, how);
    const written = readdirSync(target, { recursive: true, withFileTypes: true }).filter((found) => found.isFile());
    for (const { parentPath, name } of written)
      assert.notEqual(readFileSync(join(parentPath, name), "utf8"), "theirs", how);
  }
});
