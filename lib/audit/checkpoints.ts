/** Checkpoints as the gateway keeps them: taken when due, written to the file, told to the operator. */
import type { Config } from "../config/config.ts";
import type { Report } from "../conversation/report.ts";
import type { Sql } from "../db/client.ts";
import { messageOf } from "../errors.ts";
import type { EachMinute } from "../jobs/tick.ts";
import type { Log } from "../log.ts";
import type { Keyring } from "../seal.ts";
import { shortTime } from "../conversation/question.ts";
import { base64url, type Checkpoint, checkpointsAfter, newestCheckpoint } from "./checkpoint.ts";
import { appendCheckpoints, sizeOf } from "./checkpoint-file.ts";
import { takeCheckpoints } from "./checkpoint-take.ts";

/** What it works with. */
export interface CheckpointDeps {
  readonly config: () => Pick<Config, "audit" | "timezone">;
  readonly sql: Sql;
  readonly keyring: Pick<Keyring, "checkpointKey">;
  readonly report: Report;
  readonly log: Log;
}

/** Each minute: a checkpoint where one is due. A quiet minute costs two small queries and a look at the file. */
export function keepCheckpoints({ config, sql, keyring, report, log }: CheckpointDeps): EachMinute {
  const key = keyring.checkpointKey();
  let settled: { number: number; file: string; size: number } | undefined;
  return async (now) => {
    const { audit, timezone } = config();
    const { checkpoint_minutes: everyMinutes, checkpoint_file: file, post_checkpoints: posted } = audit;
    await takeCheckpoints(sql, { key, now, everyMinutes });
    const newest = await newestCheckpoint(sql);
    if (!newest) return;
    if (settled?.number === newest.number && settled.file === file && settled.size === (await sizeOf(file))) return;
    try {
      await appendCheckpoints(sql, file);
    } catch (thrown) {
      log.error({ err: thrown, checkpoint: newest.number }, "checkpoints cannot be written to audit.checkpoint_file");
      await report({
        key: `checkpoint-file:${newest.number}`,
        text: `**Checkpoints are not written.** ${messageOf(thrown)}`,
      });
    }
    // Older ones were told when they were made, in this process or another.
    const recent = now.getTime() - 2 * everyMinutes * 60_000;
    const untold = await checkpointsAfter(sql, settled?.number ?? Math.max(0, newest.number - 100));
    if (posted)
      for (const checkpoint of untold)
        if (checkpoint.at.getTime() > recent)
          await report({ key: `checkpoint:${checkpoint.number}`, text: telling(checkpoint, timezone) });
    settled = { number: newest.number, file, size: await sizeOf(file) };
  };
}

const telling = ({ number, at, runs, hash, signature }: Checkpoint, timezone: string): string =>
  `Checkpoint ${number}, ${shortTime(at, timezone)}: ${runs} ${runs === 1 ? "run" : "runs"}.\n\`${base64url(hash)}\`\n\`${base64url(signature)}\``;
