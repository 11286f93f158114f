import { spawnSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { acquireLock } from "../../support/lock.ts";
import { contained } from "./chroot-process.ts";
import { chrootBuilder, PeersUnavailable } from "./debootstrap.ts";

/**
 * Makes a Debian sid chroot that has these packages; where it has them already, returns at once.
 * It lives in `$OPENCLAW_LIVE_DIR` (default `~/.cache/openclaw-live`); delete it to get newer packages.
 * Throws `PeersUnavailable` where it cannot be made.
 */
export async function ensureChroot(packages: string[]): Promise<{ dir: string }> {
  requireNamespaces();
  const root = path.resolve(process.env.OPENCLAW_LIVE_DIR ?? path.join(os.homedir(), ".cache/openclaw-live"));
  const dir = path.join(root, "sid");
  const stamp = path.join(dir, "installed.json");
  if (lacking(packages, await readStamp(stamp)).length === 0) return { dir };

  await mkdir(root, { recursive: true });
  const release = await acquireLock(dir);
  try {
    // Read again: another process may have done the work while this one waited for the lock.
    const installed = await readStamp(stamp);
    const wanted = lacking(packages, installed);
    if (wanted.length > 0) {
      const log = path.join(root, "build.log");
      console.error(`Putting ${wanted.join(", ")} into ${dir}: a minute or two, several hundred MB; see ${log}`);
      const builder = await chrootBuilder(dir, log);
      if (installed === undefined) await builder.bootstrap();
      await builder.download(wanted);
      // A chroot without its stamp is half made and will be made again.
      await rm(stamp, { force: true });
      await builder.install(wanted);
      await writeFile(stamp, JSON.stringify([...(installed ?? []), ...wanted]));
    }
    return { dir };
  } finally {
    release();
  }
}

function requireNamespaces(): void {
  const [command = "", ...args] = [...contained, "true"];
  if (process.getuid?.() === 0 && spawnSync(command, args).status === 0) return;
  throw new PeersUnavailable(
    "The real peers run in a Debian chroot with its own mounts: run the live tests on Linux as root, with util-linux " +
      "installed; in a container, one that may mount (docker run --privileged).",
  );
}

function lacking(packages: string[], installed: string[] | undefined): string[] {
  return packages.filter((name) => !installed?.includes(name));
}

async function readStamp(stamp: string): Promise<string[] | undefined> {
  const text = await readFile(stamp, "utf8").catch(() => "");
  return text === "" ? undefined : (JSON.parse(text) as string[]);
}
