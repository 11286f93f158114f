import { basename, dirname } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { readIdentityFile } from "../../lib/audit/identity-file.ts";
import { type Backup, writeBackup } from "../../lib/backup/backup.ts";
import { backupPath, keepNewest, writeWhole } from "../../lib/backup/file.ts";
import type { Contents } from "../../lib/backup/format.ts";
import { verifyArchive } from "../../lib/backup/read-archive.ts";
import type { Config } from "../../lib/config/config.ts";
import { ownedDatabase } from "../../lib/db/database.ts";
import { ClawError } from "../../lib/errors.ts";
import type { CommandContext } from "./context.ts";

interface Options {
  readonly to: string;
  readonly recipient?: readonly string[];
  readonly keep?: number;
  readonly secrets: boolean;
}

/** Adds `claw backup` and `claw backup verify`. */
export function register(program: Command, context: CommandContext): void {
  const backup = program
    .command("backup")
    .summary("back up the database, the config and the keys, encrypted")
    .description(
      "Writes one file that restores everything: one view of the database, openclaw.toml and what it names, and the secrets it names, OPENCLAW_KEY among them. It is encrypted by age as it is made; only the identity of a recipient opens it. A gateway may go on meanwhile.",
    )
    .option("--to <place>", 'a folder, a file, or "-" for stdout', "./")
    .option("--recipient <age1...>", "who can open it, instead of audit.recipient; may be repeated", collect)
    .option("--keep <count>", "afterwards keep so many of the newest in the folder, and remove older ones", count)
    .option("--without-secrets", "leave the secrets out: keep OPENCLAW_KEY elsewhere, or nothing in it opens again")
    .action(async ({ withoutSecrets = false, ...options }: Omit<Options, "secrets"> & { withoutSecrets?: boolean }) => {
      await backUp(context, { ...options, secrets: !withoutSecrets });
    });
  backup
    .command("verify")
    .argument("<file>", "a backup")
    .summary("read a backup whole and compare it with its digests")
    .description(
      "Shows that a backup can be opened and is whole, without restoring it. Needs no config and no gateway.",
    )
    .requiredOption("--identity <file>", "the age identity of one of its recipients, as age-keygen writes it")
    .option("--key <key>", "the public key it must be signed by, as `claw audit verify` prints it")
    .action(async (file: string, { identity, key }: { identity: string; key?: string }) => {
      const verified = await verifyArchive({ file, identity: readIdentityFile(identity) }, key);
      const { createdAt, version, migration, secrets } = verified.manifest;
      context.out(`${file} is whole: ${counts(verified.contents)}, ${secrets ? "with" : "without"} secrets.`);
      context.out(`Made ${createdAt} by version ${version}, migration ${migration.tag}.`);
      context.out(`Signed by ${verified.publicKey}.`);
    });
}

async function backUp(context: CommandContext, options: Options): Promise<void> {
  const config = await context.loadConfig();
  const now = new Date();
  const recipients = recipientsOf(config, options.recipient);
  const database = await ownedDatabase(config);
  try {
    const { env } = context;
    const { secrets } = options;
    const work = { config, env, databaseUrl: database.url, recipients, secrets, now };
    if (options.to === "-") {
      const made = await writeBackup(process.stdout, work);
      return context.note(told("stdout", made, recipients));
    }
    const path = await backupPath(options.to, now);
    const made = await writeWhole(path, (sink) => writeBackup(sink, work));
    context.out(told(path, made, recipients));
    if (options.keep === undefined || path === options.to) return;
    const gone = await keepNewest(dirname(path), options.keep, now);
    if (gone.length > 0) context.out(`Removed ${gone.map((name) => basename(name)).join(", ")}.`);
  } finally {
    await database.stop();
  }
}

function recipientsOf(config: Config, given: readonly string[] = []): readonly string[] {
  const recipients = given.length > 0 ? given : [config.audit.recipient].filter((each) => each !== undefined);
  if (recipients.length > 0) return recipients;
  throw new ClawError(
    "bad_request",
    `nobody could open this backup: make a key on another machine (age-keygen -o key.txt), keep it there, and give what it prints, "age1...", by --recipient or as audit.recipient in ${config.file}`,
  );
}

function told(place: string, { size, contents, manifest }: Backup, recipients: readonly string[]): string {
  const megabytes = (size / 1_000_000).toFixed(size < 10_000_000 ? 2 : 0);
  const secrets = manifest.secrets ? "with secrets" : "WITHOUT secrets (keep OPENCLAW_KEY elsewhere)";
  return `${place}: ${megabytes} MB, ${counts(contents)}, ${secrets}, for ${recipients.join(", ")}`;
}

/** How much is in an archive. */
function counts({ entries, rows }: Contents): string {
  const tables = Object.values(rows);
  const files = entries.filter(({ name }) => /^(config|elsewhere)\//.test(name)).length;
  const total = tables.reduce((sum, more) => sum + more, 0);
  return `${files} files, ${tables.length} tables, ${total.toLocaleString("en-GB")} rows`;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function count(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a whole number, 1 or more");
}
