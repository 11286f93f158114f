import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, appendFile, copyFile, open, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { chrootEnvironment, contained, inChroot } from "./chroot-process.ts";
import { readHostApt } from "./host-apt.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const CHROOT_CA_BUNDLE = "/etc/apt/host-ca.crt";
const STEP_MILLISECONDS = 15 * 60_000;

/** This machine cannot hold the real peers; the message says what is missing and how to get it. */
export class PeersUnavailable extends Error {
  override name = "PeersUnavailable";
}

/** What can be done to a chroot that is not in use; each step throws `PeersUnavailable` when it fails. */
export interface ChrootBuilder {
  /** Removes what is at the chroot's place and puts a minimal Debian sid there. */
  bootstrap(): Promise<void>;
  /** Fetches packages; the chroot stays as it was. */
  download(packages: string[]): Promise<void>;
  /** Installs fetched packages; interrupted, it leaves them half configured. */
  install(packages: string[]): Promise<void>;
}

/** Makes the builder of the chroot `dir`, whose steps write their output to the file `log`. */
export async function chrootBuilder(dir: string, log: string): Promise<ChrootBuilder> {
  const apt = await readHostApt();
  const network = `It needs the Debian mirror ${apt.mirror}, which apt's configuration names.`;
  const inside = (what: string, ...argv: string[]) => step(what, inChroot(dir, argv), network);

  return {
    async bootstrap() {
      if (!(await exists("/usr/sbin/debootstrap")) || !(await exists(KEYRING))) {
        const packages = ["debootstrap", "debian-archive-keyring"];
        const remedy = `Install the packages ${packages.join(" and ")}.`;
        await step("Refreshing the package lists", ["sh", "-c", "apt-get update || true"], remedy);
        await step("Getting debootstrap", ["apt-get", "install", "-y", "--no-install-recommends", ...packages], remedy);
      }
      await step("Removing the half-made chroot", ["rm", "-rf", "--one-file-system", dir], `Remove ${dir} by hand.`);
      const options = ["--variant=minbase", "--force-check-gpg", `--keyring=${KEYRING}`];
      await step("debootstrap", [...contained, "debootstrap", ...options, "sid", dir, apt.mirror], network);
      await configure();
    },
    async download(packages) {
      await copyFile("/etc/resolv.conf", path.join(dir, "etc/resolv.conf"));
      await inside("Refreshing the package lists of sid", "apt-get", "update");
      await inside("Downloading packages", "apt-get", "install", "-y", "--download-only", ...packages);
    },
    async install(packages) {
      await inside("Installing packages", "apt-get", "install", "-y", ...packages);
      await inside("Emptying the package cache", "apt-get", "clean");
    },
  };

  async function configure(): Promise<void> {
    const settings = [...apt.settings, 'APT::Install-Recommends "false";', 'Acquire::Languages "none";'];
    if (await exists(apt.caBundle)) {
      await copyFile(apt.caBundle, path.join(dir, CHROOT_CA_BUNDLE));
      settings.push(`Acquire::https::CAInfo "${CHROOT_CA_BUNDLE}";`);
    }
    await writeFile(path.join(dir, "etc/apt/apt.conf.d/99host"), `${settings.join("\n")}\n`);
    await writeFile(path.join(dir, "etc/dpkg/dpkg.cfg.d/99fast"), "force-unsafe-io\npath-exclude=/usr/share/doc/*\n");
    // No package may start its own daemon.
    await writeFile(path.join(dir, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  }

  async function step(what: string, [command = "", ...args]: string[], remedy: string): Promise<void> {
    await appendFile(log, `\n== ${what}: ${[command, ...args].join(" ")}\n`);
    const file = await open(log, "a");
    try {
      const env = chrootEnvironment({ ...proxyVariables(), ...apt.proxies, DEBIAN_FRONTEND: "noninteractive" });
      const child = spawn(command, args, {
        env,
        stdio: ["ignore", file.fd, file.fd],
        timeout: STEP_MILLISECONDS,
        killSignal: "SIGKILL",
      });
      const ended: unknown[] = await once(child, "exit");
      if (ended[0] === 0) return;
    } catch (cause) {
      throw new PeersUnavailable(`${what}: ${command} cannot be run. ${remedy}`, { cause });
    } finally {
      await file.close();
    }
    const tail = (await readFile(log, "utf8")).trimEnd().split("\n").slice(-5).join("\n");
    throw new PeersUnavailable(`${what} failed. ${remedy} The last lines of ${log}:\n${tail}`);
  }
}

function proxyVariables(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
