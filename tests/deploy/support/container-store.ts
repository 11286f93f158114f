/** Images and containers of the tests, apart from those of this machine's user. */
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** What deployments are tried with, kept between runs: `$OPENCLAW_DEPLOY_DIR`, else `~/.cache/openclaw-deploy`. Delete it to begin anew. */
export const deployFolder = resolve(process.env["OPENCLAW_DEPLOY_DIR"] ?? join(homedir(), ".cache/openclaw-deploy"));

/**
 * The environment in which buildah, podman and what calls them use a storage of ours, and run what they build in a chroot: the one way
 * that works wherever we are root. Plain copies (vfs) instead of overlays, the host's network, no control groups, and limits that any
 * machine grants.
 */
export async function containerEnvironment(): Promise<Readonly<Record<string, string>>> {
  await mkdir(deployFolder, { recursive: true });
  const storage = join(deployFolder, "storage.conf");
  const containers = join(deployFolder, "containers.conf");
  const place = join(deployFolder, "storage");
  await writeFile(
    storage,
    `[storage]\ndriver = "vfs"\ngraphroot = "${join(place, "graph")}"\nrunroot = "${join(place, "run")}"\n`,
  );
  await writeFile(
    containers,
    '[containers]\ncgroups = "disabled"\nnetns = "host"\nlog_driver = "k8s-file"\n' +
      'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n' +
      '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
  );
  const { PATH = "", HOME = "/root" } = process.env;
  return {
    PATH: `${PATH}:/usr/sbin:/sbin`,
    HOME,
    CONTAINERS_STORAGE_CONF: storage,
    CONTAINERS_CONF: containers,
    BUILDAH_ISOLATION: "chroot",
  };
}
