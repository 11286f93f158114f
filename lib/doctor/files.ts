/** What the gateway keeps on the disk. */
import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { evidenceStanding } from "../audit/standing.ts";
import { sizeOf } from "../audit/checkpoint-file.ts";
import { age, type Check, fail, type Finding, ok, skipped, warn } from "./check.ts";
import type { Ground } from "./ground.ts";

const mega = 1024 * 1024;

export function fileChecks({ config, database }: Ground): Check[] {
  const { dataDir, audit } = config;
  return [
    { name: "files.data_dir", look: () => lookAtFolder(dataDir) },
    { name: "files.disk", look: () => lookAtDisk(dataDir) },
    {
      name: "files.checkpoints",
      look: async (signal) => {
        const { checkpointAge } = await evidenceStanding(await database.lean(signal));
        if (checkpointAge === undefined) return skipped("no checkpoint was taken yet");
        const file = audit.checkpoint_file;
        if ((await sizeOf(file)) > 0) return ok(`${file}, the last checkpoint ${age(checkpointAge)} ago`);
        return warn(
          `${file} is empty or not there, and the database has checkpoints`,
          "let the gateway's user write it; it then writes all of them anew. Its copy elsewhere is what counts",
        );
      },
    },
  ];
}

async function lookAtFolder(folder: string): Promise<Finding> {
  const found = await stat(folder).catch(() => undefined);
  if (!found)
    return warn(
      `${folder} (data_dir) is not there`,
      "the gateway makes it where it may; else make it, owned by its user",
    );
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok(`${folder} can be written to`);
  } catch {
    const who = `user ${process.getuid?.() ?? "?"}`;
    return fail(
      `${folder} (data_dir) cannot be written to by ${who}`,
      `chown it to the gateway's user (it is user ${found.uid}'s)`,
    );
  }
}

async function lookAtDisk(folder: string): Promise<Finding> {
  let at = folder;
  while (!(await stat(at).catch(() => undefined)) && at !== dirname(at)) at = dirname(at);
  const { bavail, blocks, bsize } = await statfs(at);
  const free = bavail * bsize;
  const saw = `${Math.round(free / mega)} MB free of ${Math.round((blocks * bsize) / mega)} at ${at}`;
  const remedy = "make room: a database that cannot write stops everything";
  if (free < 100 * mega) return fail(saw, remedy);
  return free < 1024 * mega ? warn(saw, remedy) : ok(saw);
}
