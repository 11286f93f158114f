/** `claw backup` and `claw restore` between machines that share nothing, with an agent in an encrypted room. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { takeCheckpoints } from "../../lib/audit/checkpoint-take.ts";
import { createKeyring } from "../../lib/seal.ts";
import { migrations } from "../../lib/db/migrations.ts";
import { loadJournal } from "../bench/journal-load.ts";
import { createTestDatabase } from "../support/database.ts";
import { createEmptyDatabase } from "../support/empty-database.ts";
import { testEnvironment } from "../support/gateway.ts";
import { matrixAgent } from "../support/matrix-config.ts";
import { createRestorable, type Restorable } from "../support/restorable.ts";
import { until } from "../support/until.ts";

const ends: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

const canaries = Object.values(testEnvironment);

/** The one backup of a folder. */
function backupIn(folder: string): string {
  const names = readdirSync(folder);
  assert.equal(names.length, 1, names.join());
  assert.match(names[0] ?? "", /^openclaw-\d{4}-\d\d-\d\dT\d{6}Z\.tar\.gz\.age$/);
  return join(folder, names[0] ?? "");
}

const ready = async ({ privateUrl }: Restorable): Promise<string> =>
  until(
    async () => {
      const parts = (await (await fetch(`${privateUrl}/readyz`)).json()) as Record<
        string,
        { ok: boolean; reason: string }
      >;
      return parts["matrix.ops"]?.ok === true && parts["matrix"]?.ok === true ? parts["matrix.ops"].reason : undefined;
    },
    (reason) => reason !== undefined,
  ).then(String);

test("a gateway with its own database is stopped, backed up, lost and restored elsewhere: its agent goes on decrypting by the same device, and what was said opens", async () => {
  const world = await createRestorable();
  ends.push(() => world.end());
  const { directory, folder, identityFile, exchange } = world;
  const first = await world.start(folder, {});
  const device = await ready(world);
  await exchange("before");
  await first.stop("SIGTERM");
  const backups = join(directory, "backups");
  const config = join(folder, "openclaw.toml");
  const made = await world.claw({}, "--config", config, "backup", "--to", `${backups}/`);
  assert.equal(made.code, 0, made.errors);
  assert.match(made.out, /MB, .* files, 29 tables, .* rows, with secrets, for age1/);
  assert.equal(existsSync(join(folder, "data/postgres/postmaster.pid")), false);
  const file = backupIn(backups);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const bytes = readFileSync(file).toString("latin1");
  for (const canary of canaries) assert.ok(!bytes.includes(canary));
  rmSync(folder, { recursive: true });

  const verified = await world.claw({}, "backup", "verify", file, "--identity", identityFile);
  assert.match(verified.out, /is whole: .* with secrets\.\n.*version 0\.\d+\.\d+.*\nSigned by [\w-]{43}\./);
  const second = join(directory, "second");
  const restored = await world.claw({}, "restore", file, "--identity", identityFile, "--dir", second, "--resume");
  assert.equal(restored.code, 0, restored.errors);
  assert.match(
    restored.out,
    /Audit trail: 1 runs, \d+ rows, \d checkpoints; it is whole\.\nWhat was under way is gone on with/,
  );
  for (const canary of [...canaries, readFileSync(identityFile, "utf8").trim()])
    assert.ok(![made, verified, restored].some(({ out, errors }) => (out + errors).includes(canary)));
  for (const secret of [".env", "appservice.yaml"]) assert.equal(statSync(join(second, secret)).mode & 0o777, 0o600);
  assert.equal(readFileSync(join(second, "prompts/ops.md"), "utf8"), "You help with the homelab.\n");

  await world.start(second, {});
  assert.equal(await ready(world), device);
  await exchange("after");
  assert.deepEqual(await world.said(), ["You said: before", "You said: after"]);
  const audit = (...argv: string[]) => world.claw({}, "--config", join(second, "openclaw.toml"), "audit", ...argv);
  assert.match((await audit("verify")).out, /The trail is whole/);
  const runs = (await audit("list")).out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: string });
  assert.equal(runs.length, 2);
  const oldest = runs.at(-1)?.id ?? "";
  assert.match((await audit("show", oldest)).out, /You said: before/);
  assert.match((await audit("show", oldest, "--identity", identityFile)).out, /You said: before/);
});

test("a backup of a gateway at work is restored when that has gone on and died: its agent gets a new device that its person's client trusts and writes to, and nothing is said twice", async () => {
  const world = await createRestorable();
  ends.push(() => world.end());
  const { directory, folder, identityFile, exchange } = world;
  const old = await createTestDatabase();
  const fresh = await createEmptyDatabase();
  ends.push(() => fresh.drop());
  const first = await world.start(folder, { DATABASE_URL: old.url });
  const device = await ready(world);
  await exchange("before");
  const backups = join(directory, "backups");
  mkdirSync(backups);
  const env = { DATABASE_URL: old.url, OPENCLAW_CONFIG: join(folder, "openclaw.toml") };
  const made = await world.claw(env, "backup", "--to", backups);
  assert.equal(made.code, 0, made.errors);
  for (const text of ["between one", "between two"]) await exchange(text);
  await first.stop("SIGKILL");
  rmSync(folder, { recursive: true });

  const file = backupIn(backups);
  const second = join(directory, "second");
  const restore = (...argv: string[]) =>
    world.claw({ DATABASE_URL: fresh.url }, "restore", file, "--identity", identityFile, "--dir", second, ...argv);
  const refused = await restore("--resume");
  assert.equal(refused.code, 1);
  assert.match(refused.errors, /while a gateway worked.*would be done twice/);
  assert.equal(existsSync(second), false);
  const restored = await restore();
  assert.equal(restored.code, 0, restored.errors);
  assert.match(restored.out, /Audit trail: .* it is whole/);
  assert.match(restored.out, /1 {2}Matrix devices: those agents get new ones/);

  const running = await world.start(second, { DATABASE_URL: fresh.url });
  const newDevice = await ready(world);
  assert.notEqual(newDevice, device);
  assert.match(running.log(), /the agent's identity was restored from its backup/);
  await exchange("after");
  await exchange("and again");
  const said = ["before", "between one", "between two", "after", "and again"].map((text) => `You said: ${text}`);
  assert.deepEqual(await world.said(), said);
  assert.equal(await world.owner.isSigned(matrixAgent, /device (\w+)$/.exec(newDevice)?.[1] ?? ""), true);
  assert.deepEqual([...(await fresh.sql`select 1 from inbox where state not in ('done', 'ignored')`)], []);
  await running.stop("SIGTERM");

  // A second time, nothing is written over.
  const again = await restore();
  assert.match(again.errors, /is not empty, and nothing is written over/);
  const database = await world.claw(
    { DATABASE_URL: fresh.url, OPENCLAW_CONFIG: join(second, "openclaw.toml") },
    "restore",
    file,
    "--identity",
    identityFile,
    "--only-database",
  );
  assert.equal(database.code, 1);
  assert.match(database.errors, /the database is not empty \(it has a table "\w+"\)/);
  await old.drop();
});

describe("claw restore", () => {
  test("that is killed in the middle leaves an empty database, and can be done again", async () => {
    const world = await createRestorable();
    ends.push(() => world.end());
    const { directory, folder, identityFile } = world;
    const full = await createTestDatabase();
    const fresh = await createEmptyDatabase();
    const keyring = createKeyring(testEnvironment["OPENCLAW_KEY"] ?? "");
    const { rows } = await loadJournal(full.sql, { rows: 20_000, keyring });
    await takeCheckpoints(full.sql, { key: keyring.checkpointKey(), now: new Date(), everyMinutes: 60 });
    const config = join(folder, "openclaw.toml");
    const file = join(directory, "large.age");
    const made = await world.claw({ DATABASE_URL: full.url }, "--config", config, "backup", "--to", file);
    assert.equal(made.code, 0, made.errors);
    const argv = ["--config", config, "restore", file, "--identity", identityFile, "--only-database"];
    const child = spawn(process.execPath, [join(import.meta.dirname, "../../functions/claw.ts"), ...argv], {
      env: { PATH: process.env["PATH"], DATABASE_URL: fresh.url },
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    // By its locks: tables that are being made are there for nobody else.
    await until(
      () => fresh.sql`
        select 1 from pg_stat_activity where application_name = 'openclaw restore' and datname = current_database() and query like 'copy%journal%'`,
      (found) => found.length > 0,
    );
    child.kill("SIGKILL");
    assert.deepEqual(await exited, [null, "SIGKILL"]);
    await until(
      () =>
        fresh.sql`select 1 from pg_stat_activity where application_name = 'openclaw restore' and datname = current_database()`,
      (found) => found.length === 0,
    );
    const tables = await fresh.sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`;
    assert.equal(tables.length, 0);

    const restored = await world.claw({ DATABASE_URL: fresh.url }, ...argv);
    assert.equal(restored.code, 0, restored.errors);
    const [count] = await fresh.sql<{ count: number }[]>`select count(*)::int as count from journal`;
    assert.equal(count?.count, rows);
    await full.drop();
    await fresh.drop();
  });

  test("refuses a backup that is cut off, of another key or of a later migration, and touches nothing", async () => {
    const world = await createRestorable();
    ends.push(() => world.end());
    const { directory, folder, identityFile } = world;
    const full = await createTestDatabase();
    const fresh = await createEmptyDatabase();
    const file = join(directory, "whole.age");
    const config = join(folder, "openclaw.toml");
    await world.claw({ DATABASE_URL: full.url }, "--config", config, "backup", "--to", file);
    const target = join(directory, "second");
    const restore = (from: string, env: Record<string, string> = {}) =>
      world.claw({ DATABASE_URL: fresh.url, ...env }, "restore", from, "--identity", identityFile, "--dir", target);
    const cut = join(directory, "cut.age");
    writeFileSync(cut, readFileSync(file).subarray(0, -10));
    assert.match((await restore(cut)).errors, /damaged or cut off/);
    assert.equal(existsSync(target), false);

    // A version that has one migration more.
    await full.sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', ${(migrations().at(-1)?.when ?? 0) + 1})`;
    const later = await world.claw(
      { DATABASE_URL: full.url },
      "--config",
      config,
      "backup",
      "--to",
      join(directory, "x"),
    );
    assert.match(later.errors, /migrated by a later version/);
    assert.equal(existsSync(join(directory, "x")), false);

    const other = await restore(file, { OPENCLAW_KEY: Buffer.alloc(32, 7).toString("base64") });
    assert.equal(other.code, 1);
    assert.match(other.errors, /OPENCLAW_KEY is not the one that this backup was made with/);
    const tables = await fresh.sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`;
    assert.equal(tables.length, 0);
    await full.drop();
    await fresh.drop();
  });
});

describe("claw restore of a backup with programs of its own", () => {
  test("runs none of them until it is known whose backup it is", async () => {
    const world = await createRestorable('tools_dir = "tools"');
    ends.push(() => world.end());
    const { directory, folder, identityFile } = world;
    const ran = join(directory, "ran");
    mkdirSync(join(folder, "tools"));
    writeFileSync(
      join(folder, "tools/evil.ts"),
      `import { writeFileSync } from "node:fs";
writeFileSync(${JSON.stringify(ran)}, "");
export default ({ defineTool, z }) => defineTool({ name: "disk_free", description: "Does it.", input: z.strictObject({}), labels: ["private"], effect: "idempotent", timeoutMs: 1_000, outputLimit: 100, run: async () => "done" });
`,
    );
    const [full, fresh] = [await createTestDatabase(), await createEmptyDatabase()];
    const file = join(directory, "programs.age");
    const config = join(folder, "openclaw.toml");
    const made = await world.claw({ DATABASE_URL: full.url }, "--config", config, "backup", "--to", file);
    assert.equal(made.code, 0, made.errors);
    rmSync(ran);
    const restore = (target: string, ...more: string[]) =>
      world.claw(
        { DATABASE_URL: fresh.url },
        ...["restore", file, "--identity", identityFile, "--dir", join(directory, target), ...more],
      );
    const unknown = await restore("unknown");
    assert.equal(unknown.code, 1);
    assert.match(unknown.errors, /tools_dir \("tools"\) holds programs.*whose this one is.*--only-database/);
    assert.equal(existsSync(ran), false);
    assert.equal(existsSync(join(directory, "unknown/tools/evil.ts")), true);
    assert.equal((await fresh.sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`).length, 0);

    const [, key = ""] = /signed by (\S+)/.exec(unknown.out) ?? [];
    const known = await restore("known", "--key", key);
    assert.equal(known.code, 0, known.errors);
    assert.equal(existsSync(ran), true);
    await full.drop();
    await fresh.drop();
  });
});

describe("claw backup", () => {
  test("refuses without anybody who could open it, keeps as many as it is told, and writes to stdout what age opens", async () => {
    const world = await createRestorable();
    ends.push(() => world.end());
    const { directory, folder, identityFile } = world;
    const database = await createTestDatabase();
    const config = join(folder, "openclaw.toml");
    const run = (...argv: string[]) =>
      world.claw({ DATABASE_URL: database.url }, "--config", config, "backup", ...argv);
    const backups = join(directory, "backups");
    mkdirSync(backups);
    for (const day of ["01", "02", "03"])
      writeFileSync(join(backups, `openclaw-2026-01-${day}T000000Z.tar.gz.age`), "old");
    writeFileSync(join(backups, "notes.txt"), "not ours");
    const kept = await run("--to", backups, "--keep", "2");
    assert.equal(kept.code, 0, kept.errors);
    const names = readdirSync(backups).sort();
    assert.deepEqual([names[0], names.length, names.at(-1)], ["notes.txt", 3, names[2]]);
    assert.ok(names.includes("openclaw-2026-01-03T000000Z.tar.gz.age"));
    assert.match(kept.out, /Removed openclaw-2026-01-01T000000Z\.tar\.gz\.age, openclaw-2026-01-02T000000Z/);

    cpSync(config, join(folder, "without.toml"));
    const toml = readFileSync(config, "utf8").replace(/\[audit\]\nrecipient = .*\n/, "");
    writeFileSync(join(folder, "without.toml"), toml);
    const nobody = await world.claw({ DATABASE_URL: database.url }, "--config", join(folder, "without.toml"), "backup");
    assert.equal(nobody.code, 1);
    assert.match(nobody.errors, /nobody could open this backup: make a key on another machine \(age-keygen/);

    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, "../../functions/claw.ts"),
        "--config",
        config,
        "backup",
        "--to",
        "-",
        "--without-secrets",
      ],
      { env: { PATH: process.env["PATH"], DATABASE_URL: database.url }, stdio: ["ignore", "pipe", "pipe"] },
    );
    const [out, notes]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => notes.push(chunk));
    await once(child, "close");
    assert.match(Buffer.concat(notes).toString(), /^stdout: .*WITHOUT secrets/);
    writeFileSync(join(directory, "piped.age"), Buffer.concat(out));
    const verified = await world.claw({}, "backup", "verify", join(directory, "piped.age"), "--identity", identityFile);
    assert.match(verified.out, /is whole: .* without secrets/, verified.errors);
    await database.drop();
  });
});
