/** What the gateway keeps on the disk. */
import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { evidenceStanding } from "../audit/standing.ts";
import { sizeOf } from "../audit/checkpoint-file.ts";
import { age, type Check, fail, type Finding, ok, skipped, warn } from "./check.ts";
import { askPrivate } from "./gateway-answer.ts";
import type { Ground } from "./ground.ts";

const mega = 1024 * 1024;

/** A gateway that was just started writes within a minute what the file lacks, as after a restore. */
const settlingMs = 120_000;

export function fileChecks(ground: Ground): Check[] {
  const { config, tables } = ground;
  const { dataDir, audit } = config;
  return [
    { name: "files.data_dir", look: () => lookAtFolder(dataDir) },
    { name: "files.disk", look: () => lookAtDisk(dataDir) },
    {
      name: "files.checkpoints",
      look: async (signal) => {
        const { checkpointAge } = await evidenceStanding(await tables.lean(signal));
        if (checkpointAge === undefined) return skipped("no checkpoint was taken yet");
        const file = audit.checkpoint_file;
        if ((await sizeOf(file)) > 0) return ok(`${file}, the last checkpoint ${age(checkpointAge)} ago`);
        if (await isSettling(ground, signal)) return skipped(`the gateway, just started, is about to write ${file}`);
        return warn(
          `${file} is empty or not there, and the database has checkpoints`,
          "let the gateway's user write it; it then writes all of them anew. Its copy elsewhere is what counts",
        );
      },
    },
  ];
}

async function isSettling({ privateUrl }: Ground, signal: AbortSignal): Promise<boolean> {
  try {
    const { body } = await askPrivate(privateUrl, "/about", signal);
    return Date.now() - Date.parse(started.parse(body).since) < settlingMs;
  } catch {
    // No gateway answers: another check tells.
    return false;
  }
}

const started = z.object({ since: z.string() });

async function lookAtFolder(folder: string): Promise<Finding> {
  const at = await nearestOf(folder);
  const owner = await stat(at);
  if (!owner.isDirectory()) return fail(`${at} is no folder`, "move it away, or name another data_dir");
  try {
    await access(at, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok(at === folder ? `${folder} can be written to` : `${folder} is made when it is needed`);
  } catch {
    return fail(
      `${at} cannot be written to by user ${process.getuid?.() ?? "?"}${at === folder ? "" : `, and ${folder} is to be made there`}`,
      `run the doctor as the gateway's user; if it is, chown the folder to it (it is user ${owner.uid}'s)`,
    );
  }
}

/** The folder itself, or the nearest above it that is there. */
async function nearestOf(folder: string): Promise<string> {
  let at = folder;
  while (!(await stat(at).catch(() => undefined)) && at !== dirname(at)) at = dirname(at);
  return at;
}

async function lookAtDisk(folder: string): Promise<Finding> {
  const at = await nearestOf(folder);
  const { bavail, blocks, bsize } = await statfs(at);
  const free = bavail * bsize;
  const saw = `${Math.round(free / mega)} MB free of ${Math.round((blocks * bsize) / mega)} at ${at}`;
  const remedy = "make room: a database that cannot write stops everything";
  if (free < 100 * mega) return fail(saw, remedy);
  return free < 1024 * mega ? warn(saw, remedy) : ok(saw);
}
