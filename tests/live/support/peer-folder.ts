import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";

/** A folder inside the chroot for the data of one run of a peer. */
export interface PeerFolder {
  /** Path of a file in it as we see it. */
  host(file: string): string;
  /** Path of the same file as programs in the chroot see it. */
  inside(file: string): string;
  remove(): Promise<void>;
}

/** Makes a folder for this process's peer, and removes those whose process has died. */
export async function makePeerFolder(chroot: string, peer: string): Promise<PeerFolder> {
  const parent = path.join(chroot, "tmp");
  for (const name of await readdir(parent)) {
    const owner = /^peer-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) await removeFolder(path.join(parent, name));
  }
  const folder = await mkdtemp(path.join(parent, `peer-${process.pid}-${peer}-`));
  return {
    host: (file) => path.join(folder, file),
    inside: (file) => path.join("/tmp", path.basename(folder), file),
    remove: () => removeFolder(folder),
  };
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
