import type { Command } from "commander";
import { base64url, publicKeyOf } from "../../lib/audit/checkpoint.ts";
import { type Verdict, verifyAudit } from "../../lib/audit/verify.ts";
import { kinds } from "../../lib/audit/verify-findings.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import { ClawError } from "../../lib/errors.ts";
import { createKeyring } from "../../lib/seal.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { withDatabase } from "./database.ts";

interface Options {
  readonly checkpoints?: string;
  readonly key?: string;
  readonly json?: boolean;
  readonly withoutConfig?: boolean;
}

/** Without a config nobody knows how often: the most that one may say. */
const longestMinutes = 1_440;

/** Whose signatures the checkpoints must have, and how that is known. */
interface Signer {
  readonly key: Uint8Array | undefined;
  readonly known: string;
}

/** Adds `claw audit verify`. */
export function addVerify(audit: Command, context: CommandContext): void {
  audit
    .command("verify")
    .summary("verify every row, every checkpoint and every signature")
    .description(
      "Reads the whole journal and recomputes its hashes: finds what was changed, moved, taken out or cut off, chains that were rebuilt and checkpoints that were not made by this gateway. Exit code 1 where anything is wrong. It only reads; the role openclaw_audit is enough.",
    )
    .option("--checkpoints <file>", "a checkpoint file that was kept elsewhere: the database must agree with it")
    .option("--key <key>", "the public key of the gateway, as an earlier verify printed it, instead of OPENCLAW_KEY's")
    .option("--without-config", "read no openclaw.toml: for an auditor, with DATABASE_URL and --key")
    .option("--json", "as JSON")
    .action(async ({ checkpoints: file, json = false, ...options }: Options) => {
      const { verdict, signer } = await verified(context, options, file);
      if (json) context.out(JSON.stringify(asJson(verdict, signer), undefined, 2));
      else for (const line of render(verdict, signer)) context.out(line);
      if (!verdict.whole) throw new ExitCode(1);
    });
}

async function verified(
  context: CommandContext,
  { key, withoutConfig = false }: Pick<Options, "key" | "withoutConfig">,
  file: string | undefined,
): Promise<{ verdict: Verdict; signer: Signer }> {
  const given = key === undefined ? undefined : { key: keyOf(key), known: "the key given" };
  if (withoutConfig) {
    const url = context.env.databaseUrl;
    if (url === undefined) throw new ClawError("bad_request", "--without-config: set DATABASE_URL to the database");
    const signer = given ?? { key: undefined, known: "which nobody vouches for: give the gateway's by --key" };
    const sql = connect(url, { max: 1, name: "openclaw claw" });
    try {
      const options = { key: signer.key, file, checkpointMinutes: longestMinutes };
      return { signer, verdict: await verifyAudit(sql, options) };
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
  const config = await context.loadConfig();
  const own = (): Signer => ({
    key: publicKeyOf(createKeyring(config.key.reveal()).checkpointKey()),
    known: "the key of OPENCLAW_KEY",
  });
  const signer = given ?? own();
  const checkpointMinutes = config.audit.checkpoint_minutes;
  const verify = (sql: Sql): Promise<Verdict> => verifyAudit(sql, { key: signer.key, file, checkpointMinutes });
  return { signer, verdict: await withDatabase(config, verify) };
}

function keyOf(text: string): Uint8Array {
  const key = Buffer.from(text, "base64url");
  if (key.length === 32) return key;
  throw new ClawError("bad_request", "--key: a public key is 32 bytes in base64url, 43 characters");
}

/** The first bad row, before what is wrong with checkpoints, which hangs on it. */
const firstOf = ({ findings: { first } }: Verdict): Verdict["findings"]["first"][number] | undefined =>
  first.find(({ run }) => run !== undefined) ?? first[0];

function render(verdict: Verdict, { key, known }: Signer): string[] {
  const { runs, rows, checkpoints, last, rotations, lines, seconds, findings } = verdict;
  const count = (value: number): string => value.toLocaleString("en-GB");
  const rate = count(Math.round(rows / Math.max(seconds, 0.001)));
  const file = lines === undefined ? "" : `, and ${count(lines)} lines of the file`;
  const signer = key ?? rotations.at(-1)?.publicKey ?? last?.publicKey;
  const read = [
    `Read ${count(runs)} runs, ${count(rows)} rows and ${count(checkpoints)} checkpoints${file} in ${seconds.toFixed(1)} s (${rate} rows/s).`,
    last
      ? `Checkpoint ${last.number} is of ${last.at.toISOString()}: ${base64url(last.hash)}`
      : "Nothing is signed yet.",
    ...(signer ? [`Signatures are held against ${base64url(signer)}, ${known}.`] : []),
    ...rotations.map(
      ({ at, retiredKey, checkpoint }) =>
        `Those up to checkpoint ${checkpoint}, against ${base64url(retiredKey)}: the key until ${at.toISOString()}, for which the next one vouches.`,
    ),
  ];
  const first = firstOf(verdict);
  if (!first) return [...read, "The trail is whole."];
  const place =
    first.run === undefined ? "" : `run ${first.run}${first.seq === undefined ? "" : `, row ${first.seq}`}: `;
  return [
    ...read,
    `The trail is NOT whole: ${count(findings.total)} ${findings.total === 1 ? "thing is" : "things are"} wrong.`,
    `First: ${place}${first.text}`,
    ...Object.entries(findings.counts).map(
      ([kind, times]) => `  ${count(times).padStart(7)}  ${kinds[kind as keyof typeof kinds]}`,
    ),
  ];
}

function asJson(verdict: Verdict, { key, known }: Signer): unknown {
  const { whole, runs, rows, checkpoints, last, rotations, lines, seconds, findings } = verdict;
  const signer = key ?? rotations.at(-1)?.publicKey ?? last?.publicKey;
  return {
    whole,
    runs,
    rows,
    checkpoints,
    last: last ? { number: last.number, at: last.at, runs: last.runs, hash: base64url(last.hash) } : null,
    file_lines: lines ?? null,
    key: signer ? { public: base64url(signer), known } : null,
    earlier_keys: rotations.map(({ at, retiredKey, checkpoint }) => ({
      ...{ public: base64url(retiredKey), until: at, last_checkpoint: checkpoint },
    })),
    seconds,
    wrong: findings.total,
    counts: findings.counts,
    first: firstOf(verdict) ?? null,
    findings: findings.first,
  };
}
