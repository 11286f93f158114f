import { join, resolve } from "node:path";
import type { Command } from "commander";
import { publicKeyOf } from "../../lib/audit/checkpoint.ts";
import { readIdentityFile } from "../../lib/audit/identity-file.ts";
import { type Verdict, verifyAudit } from "../../lib/audit/verify.ts";
import { type SealedArchive, type VerifiedArchive, verifyArchive } from "../../lib/backup/read-archive.ts";
import { refuseForeign, restoreDatabase, type RestoredDatabase } from "../../lib/backup/restore.ts";
import { asideReason, type SetAside } from "../../lib/backup/set-aside.ts";
import { refuseFull, writeConfig } from "../../lib/backup/write-config.ts";
import type { Config } from "../../lib/config/config.ts";
import { readEnvironment } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { readToml } from "../../lib/config/toml.ts";
import { connect } from "../../lib/db/client.ts";
import { openDatabase } from "../../lib/db/database.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { checkKey } from "../../lib/keys/check-key.ts";
import { oneLine } from "../../lib/one-line.ts";
import { createKeyring } from "../../lib/seal.ts";
import { knownTools } from "../../lib/tools/own.ts";
import { type CommandContext, ExitCode } from "./context.ts";

interface Options {
  readonly identity: string;
  readonly dir: string;
  readonly key?: string;
  readonly onlyConfig?: boolean;
  readonly onlyDatabase?: boolean;
  readonly resume?: boolean;
}

/** Adds `claw restore`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("restore")
    .argument("<file>", "a backup")
    .summary("restore a backup onto an empty machine")
    .description(
      "Reads the backup whole first. Then writes the config into an empty folder and the rows into an empty database (DATABASE_URL, or what the config says), all of them or none. What was under way when the backup was made is set aside, since it may have been done after it.",
    )
    .requiredOption("--identity <file>", "the age identity of one of its recipients, as age-keygen writes it")
    .option("--dir <folder>", "where the config is put", "./config")
    .option("--only-config", "leave the database alone")
    .option("--only-database", "leave the config alone, and use the one that is there")
    .option(
      "--resume",
      "go on with what was under way: only if the gateway was stopped before the backup and never started since",
    )
    .option(
      "--key <key>",
      "the public key it must be signed by, as `claw audit verify` printed it; without it no program of the backup is run",
    )
    .action(async (file: string, options: Options) => {
      const { onlyConfig = false, onlyDatabase = false, resume = false, dir, identity, key } = options;
      if (onlyConfig && onlyDatabase) throw new ClawError("bad_request", "--only-config and --only-database: give one");
      const archive = { file, identity: readIdentityFile(identity) };
      const folder = resolve(dir);
      if (!onlyDatabase) refuseFull(folder);
      const verified = await verifyArchive(archive, key);
      refuseForeign(verified.manifest, { resume: resume && !onlyConfig });
      const { createdAt, version, migration } = verified.manifest;
      context.out(
        `${file}: made ${createdAt} by version ${version} (${migration.tag}), signed by ${verified.publicKey}`,
      );
      const config = onlyDatabase
        ? await context.loadConfig()
        : await restoredConfig(context, archive, verified, { folder, load: !onlyConfig, vouched: key !== undefined });
      if (config) await database(context, archive, verified, { config, resume });
    });
}

async function restoredConfig(
  context: CommandContext,
  archive: SealedArchive,
  verified: VerifiedArchive,
  { folder, load, vouched }: { readonly folder: string; readonly load: boolean; readonly vouched: boolean },
): Promise<Config | undefined> {
  const { files, elsewhere } = await writeConfig(archive, folder, verified);
  context.out(`Config: ${files.length} files in ${folder}.`);
  for (const { at, was } of elsewhere)
    context.out(`  ${oneLine(at, 500)} was ${oneLine(was, 500)}: put it there, or change the config`);
  if (!load) return undefined;
  const file = join(folder, "openclaw.toml");
  const rest = `claw --config ${file} restore ${archive.file} --only-database --identity FILE`;
  const { tools_dir: tools } = readToml(file);
  if (tools !== undefined && !vouched)
    throw new ClawError(
      "bad_request",
      `The config is restored, the database is not yet. Its tools_dir (${JSON.stringify(tools)}) holds programs, which run from here on, and anybody who has your age recipient can make a backup: without --key nobody has said whose this one is. Look at them; then: ${rest}`,
    );
  try {
    const env = readEnvironment(file, { CREDENTIALS_DIRECTORY: join(folder, "credentials") });
    const { facts } = await knownTools(file);
    return loadConfig(file, { env, tools: facts });
  } catch (cause) {
    throw new ClawError(
      "environment",
      `${messageOf(cause)}\n\nThe config is restored, the database is not yet. Mend this, then: ${rest}`,
      { cause },
    );
  }
}

async function database(
  context: CommandContext,
  archive: SealedArchive,
  verified: VerifiedArchive,
  { config, resume }: { readonly config: Config; readonly resume: boolean },
): Promise<void> {
  const keyring = createKeyring(config.key.reveal());
  if (publicKeyOf(keyring.checkpointKey()).toString("base64url") !== verified.publicKey)
    throw new ClawError(
      "config_invalid",
      "OPENCLAW_KEY is not the one that this backup was made with, so nothing in it would open: unset it to use the backup's own, or set the right one. The database was not touched",
    );
  const opened = await openDatabase(config);
  const { url, ownerUrl } = opened;
  try {
    const began = performance.now();
    const databaseUrl = ownerUrl ?? url;
    const login = ownerUrl === undefined ? undefined : url;
    const restored = await restoreDatabase({ archive, verified, config, databaseUrl, login, resume });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    context.out(`Database: ${restored.rows.toLocaleString("en-GB")} rows in ${seconds} s.`);
    const sql = connect(databaseUrl, { max: 1, name: "openclaw restore" });
    let verdict: Verdict;
    try {
      await checkKey(sql, keyring);
      const key = Buffer.from(verified.publicKey, "base64url");
      verdict = await verifyAudit(sql, { key, checkpointMinutes: config.audit.checkpoint_minutes });
    } finally {
      await sql.end({ timeout: 1 });
    }
    for (const line of [
      ...trail(verdict),
      ...aside(restored),
      `Next: claw --config ${config.file} check, then start the gateway.`,
    ])
      context.out(line);
    if (!verdict.whole) throw new ExitCode(1);
  } finally {
    await opened.stop();
  }
}

const trail = ({ whole, runs, rows, checkpoints, findings }: Verdict): string[] => [
  `Audit trail: ${runs} runs, ${rows} rows, ${checkpoints} checkpoints; ${whole ? "it is whole." : "it is NOT whole, and was not when it was backed up: claw audit verify"}`,
  ...(whole ? [] : [`  first: ${findings.first[0]?.text ?? ""}`]),
];

function aside({ aside: found }: RestoredDatabase): string[] {
  if (found === undefined) return ["What was under way is gone on with at the next start."];
  const lines = words.flatMap(([key, what]) =>
    found[key] > 0 ? [`  ${String(found[key]).padStart(5)}  ${what}`] : [],
  );
  if (lines.length === 0) return ["Nothing was under way."];
  return [
    `Set aside, with the reason "${asideReason}":`,
    ...lines,
    "docs/upgrade.md shows how to look at them, and how to go on with any.",
  ];
}

const words: readonly (readonly [keyof SetAside, string])[] = [
  ["sends", "messages to be sent (outbox: unknown)"],
  ["runs", "runs (failed)"],
  ["messages", "messages that were not answered yet (inbox: ignored)"],
  ["questions", "questions to approvers (cancelled)"],
  ["slots", "occurrences of jobs (missed or failed): claw jobs"],
  ["reminders", "reminders that fell due since the backup"],
  ["devices", "Matrix devices: those agents get new ones, under the identities people know"],
];
