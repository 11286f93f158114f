/** `claw keys rotate`: everything stored is sealed with another OPENCLAW_KEY. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { base64url } from "../../lib/audit/checkpoint.ts";
import { connect } from "../../lib/db/client.ts";
import { openDatabase } from "../../lib/db/database.ts";
import { migrate, migrationState, newerTables } from "../../lib/db/migrate.ts";
import { asApp } from "../../lib/db/roles.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { type ChangedKey, rotateKey } from "../../lib/keys/rotate-key.ts";
import { createKeyring } from "../../lib/seal.ts";
import type { CommandContext } from "./context.ts";

interface Options {
  readonly newKeyFile?: string;
  readonly dryRun?: boolean;
  readonly leaveDamaged?: boolean;
}

/** Where the new key is, besides a file. */
const variable = "OPENCLAW_NEW_KEY";

/** Adds `claw keys rotate`. */
export function registerRotate(keys: Command, context: CommandContext): void {
  keys
    .command("rotate")
    .summary("seal everything stored with another key")
    .description(
      `Seals everything stored with another OPENCLAW_KEY, made by \`claw keys new\` and given by --new-key-file or ${variable}, in one transaction: all of it or nothing. OPENCLAW_KEY is still the old one. Stop every gateway first.`,
    )
    .option("--new-key-file <file>", "holds the new key alone")
    .option("--dry-run", "open everything with the old key, count it, and change nothing")
    .option("--leave-damaged", "go on where the old key does not open a value: nobody opens it any more then")
    .action(async (options: Options) => {
      const { dryRun = false } = options;
      const config = await context.loadConfig();
      const old = config.key.reveal();
      const fresh = newKeyOf(context, options);
      if (isSame(old, fresh))
        throw new ClawError("bad_request", "the new key is OPENCLAW_KEY itself: make another one with `claw keys new`");
      const database = await openDatabase(config);
      try {
        const ownerUrl = database.ownerUrl ?? database.url;
        if (dryRun) await assertCurrent(ownerUrl);
        else await migrate(ownerUrl, database.ownerUrl && database.url);
        const sql = connect(await asApp(database.url), { max: 1, name: "openclaw claw" });
        try {
          const changed = await rotateKey(sql, {
            from: createKeyring(old),
            to: createKeyring(fresh),
            now: new Date(),
            dryRun,
            leaveDamaged: options.leaveDamaged ?? false,
            tell: context.note,
          });
          for (const line of dryRun ? wouldBe(changed) : done(changed)) context.out(line);
        } finally {
          await sql.end({ timeout: 5 });
        }
      } finally {
        await database.stop();
      }
    });
}

/** What would change nothing does not migrate either. */
async function assertCurrent(ownerUrl: string): Promise<void> {
  const sql = connect(ownerUrl, { max: 1, name: "openclaw claw" });
  try {
    const state = await migrationState(sql);
    if (state === "current") return;
    if (state === "newer") throw newerTables();
  } finally {
    await sql.end({ timeout: 5 });
  }
  throw new ClawError(
    "bad_request",
    "the database's tables are of an older version, and a dry run does not migrate them: start and stop the gateway once, or leave out --dry-run",
  );
}

const isSame = (one: string, other: string): boolean =>
  Buffer.compare(Buffer.from(one, "base64"), Buffer.from(other, "base64")) === 0;

/** Never from the command line, where every user of the machine could read it. */
function newKeyOf({ env }: CommandContext, { newKeyFile: file }: Options): string {
  const key = (file === undefined ? env.get(variable) : textOf(file))?.trim();
  if (!key)
    throw new ClawError(
      "bad_request",
      `where is the new key? Make one (\`umask 077; claw keys new > new-key\`) and give --new-key-file new-key, or set ${variable}`,
    );
  if (/^[A-Za-z0-9+/]{43}=$/.test(key)) return key;
  throw new ClawError(
    "bad_request",
    `${file ?? variable} does not hold 32 bytes in base64 alone: make it with \`claw keys new\``,
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ClawError("bad_request", `--new-key-file ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const counted = ({ values, stores }: ChangedKey): string =>
  `${values.toLocaleString("en-GB")} values and the crypto stores of ${stores} ${stores === 1 ? "agent" : "agents"}`;

const leftOf = ({ damaged }: ChangedKey): string[] =>
  damaged.length === 0 ? [] : [`${damaged.length} values are damaged; nobody opens them.`, ...damaged.slice(0, 10)];

const wouldBe = (changed: ChangedKey): string[] => [
  `The old key opens ${counted(changed)}. Nothing was changed.`,
  ...leftOf(changed),
];

const done = (changed: ChangedKey): string[] => [
  `Sealed with the new key: ${counted(changed)}.`,
  ...leftOf(changed),
  `Checkpoints are signed from now on with ${base64url(changed.publicKey)}, which vouches for the key before it.`,
  "",
  "Next:",
  "  1. Put the new key where OPENCLAW_KEY is, for every gateway, and start them. With the old one they refuse to start.",
  "  2. Remove the file or variable that held the new key beside it.",
  "  3. Keep the old key with the backups from before: they open with it alone. Where it has leaked, destroy both.",
  "  4. Give the key of the checkpoints to whoever verifies the audit trail elsewhere.",
];
