/**
 * A podman that shares nothing with this machine's own: a store in a folder, its own mounts, network and processes, which end
 * with the caller however that ends. Its networks, their names and firewall are real; so are the limits of processes, but those
 * of memory and processors are not enforced, as a container in a container has no control groups to give away.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contained } from "../../live/support/chroot-process.ts";

/** What it runs; each is a Debian package. */
export const podmanPrograms = ["podman", "crun", "iptables", "unshare", "setpriv"] as const;

const [setpriv, death, kill, unshare, ...namespaces] = contained;
const isolated = [setpriv, death, kill, unshare, "--net", "--mount", ...namespaces] as string[];

const enter = `
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run && mkdir /run/netns && mount -t tmpfs none /run/netns && mount --make-shared /run/netns
ip link set lo up
exec "$@"`;

const containersConf = (folder: string): string => `
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "${join(folder, "networks")}"
`;

/** statfs's word for a file system that is made of layers itself, on which no further layers can be laid. */
const overlayType = 0x794c7630;

const storageConf = (folder: string): string => `
[storage]
driver = "${statfsSync(folder).type === overlayType ? "vfs" : "overlay"}"
graphroot = "${join(folder, "graph")}"
runroot = "/run/containers/storage"
`;

/** Runs a program inside, with its store below `folder`; resolves with the exit code and all output. */
export async function runInPrivatePodman(
  argv: readonly string[],
  { folder, environment = {}, timeoutMs }: PrivatePodmanOptions,
): Promise<{ code: number | null; output: string }> {
  mkdirSync(join(folder, "networks"), { recursive: true });
  const [containers, storage] = [join(folder, "containers.conf"), join(folder, "storage.conf")];
  writeFileSync(containers, containersConf(folder));
  writeFileSync(storage, storageConf(folder));
  const [command = "", ...args] = [...isolated, "sh", "-c", enter, "sh", ...argv];
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      CONTAINERS_CONF: containers,
      CONTAINERS_STORAGE_CONF: storage,
      // There is no systemd inside whose timers would ask for health: the scene asks.
      DISABLE_HC_SYSTEMD: "true",
      ...environment,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

export interface PrivatePodmanOptions {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}
