/**
 * A machine of its own, run by a real systemd as its process 1: Debian's programs are those of this machine's /usr, its files
 * and its processes are its own, its network is this machine's.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { until } from "../../support/until.ts";
import { needs } from "./tools.ts";

/** How a command of the machine ended. */
export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly errors: string;
}

export interface Machine {
  /** Where its files stand for us. */
  readonly root: string;
  /** Runs a script of sh in it as root, with nothing of our environment. */
  sh(script: string, env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** The same; where it fails, rejects with what it printed and the end of the journal. Resolves to its output. */
  do(script: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Stops everything in order and starts it again, with its files as they are. */
  reboot(): Promise<void>;
  /** Ends it as it stands, and removes its files. */
  remove(): Promise<void>;
}

/** Units of a whole Debian that would touch the kernel or the network that the machine shares with us. */
const masked = [
  "getty.target",
  "proc-sys-fs-binfmt_misc.automount",
  "sys-fs-fuse-connections.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-binfmt.service",
  "systemd-firstboot.service",
  "systemd-hwdb-update.service",
  "systemd-modules-load.service",
  "systemd-networkd.service",
  "systemd-networkd.socket",
  "systemd-random-seed.service",
  "systemd-remount-fs.service",
  "systemd-sysctl.service",
  "systemd-timesyncd.service",
  "systemd-udev-trigger.service",
  "systemd-udevd.service",
];

const namespaces = ["--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc"];

/** Whether this machine can run one: a test's options and the end of its title. */
export function needsMachine(): { readonly skip: boolean; readonly why: string } {
  const programs = needs("systemctl", "age", "unshare", "nsenter", "setpriv", "pivot_root");
  if (programs.skip) return programs;
  const skipped = (why: string) => ({ skip: true, why: ` (skipped: ${why})` });
  if (process.getuid?.() !== 0) return skipped("not root");
  const probe = spawnSync("unshare", [...namespaces, "sh", "-c", "mount -t cgroup2 none /mnt && umount /mnt"]);
  return probe.status === 0 ? { skip: false, why: "" } : skipped("no cgroup2 of its own may be mounted here");
}

/** Starts one; `binds` are folders of ours that it has too, FROM:TO, read-only. */
export async function startMachine(binds: readonly string[]): Promise<Machine> {
  // Nobody else may look into it; within it, everybody enters its root.
  const directory = mkdtempSync(join(tmpdir(), "openclaw-machine-"));
  const root = join(directory, "root");
  for (const folder of ["", "home", "opt", "root", "srv", "var/lib", "var/log/journal", "var/tmp"])
    mkdirSync(join(root, folder), { recursive: true });
  chmodSync(join(root, "root"), 0o700);
  execFileSync("cp", ["--archive", "/etc", join(root, "etc")]);
  for (const file of ["systemd/system", "systemd/user", "fstab", "machine-id"])
    rmSync(join(root, "etc", file), { recursive: true, force: true });
  mkdirSync(join(root, "etc/systemd/system"));
  writeFileSync(join(root, "etc/machine-id"), `${randomBytes(16).toString("hex")}\n`);
  for (const unit of masked) symlinkSync("/dev/null", join(root, "etc/systemd/system", unit));

  let running = await boot(root, binds);
  const sh: Machine["sh"] = (script, env = {}) => inside(running.pid, script, env);
  return {
    root,
    sh,
    async do(script, env) {
      const { status, out, errors } = await sh(script, env);
      if (status === 0) return out;
      const journal = await sh("journalctl --no-pager --output=cat --lines=20");
      throw new Error(`${script}\nended with ${status}:\n${out}${errors}\nThe journal ends with:\n${journal.out}`);
    },
    async reboot() {
      const gone = once(running.process, "exit");
      // systemd's "power off now, in order".
      process.kill(running.pid, 34 + 4);
      await gone;
      running = await boot(root, binds);
    },
    async remove() {
      if (running.process.exitCode === null && running.process.signalCode === null) {
        const gone = once(running.process, "exit");
        process.kill(running.pid, "SIGKILL");
        await gone;
      }
      removeCgroups(root);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What its cgroup is called, below ours. */
const cgroupOf = (root: string): string => basename(dirname(root));

/** Removes the cgroups that its services had, where nothing runs in them any more. */
function removeCgroups(root: string): void {
  const script = 'mount -t cgroup2 none /mnt && find "/mnt/$1" -depth -type d -exec rmdir {} +';
  spawnSync("unshare", ["--mount", "--cgroup", "sh", "-c", script, "cgroups", cgroupOf(root)]);
}

interface Running {
  readonly process: ChildProcess;
  /** Its process 1, as we see it. */
  readonly pid: number;
}

async function boot(root: string, binds: readonly string[]): Promise<Running> {
  const script = join(import.meta.dirname, "boot-machine.sh");
  const child = spawn("unshare", [...namespaces, "--kill-child=SIGKILL", script, root, cgroupOf(root), ...binds], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const pid = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`the machine did not start: ${errors}`);
      const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ");
      return Promise.resolve(
        first && readFileSync(`/proc/${first}/comm`, "utf8").trim() === "systemd" ? Number(first) : 0,
      );
    },
    Boolean,
    20_000,
  );
  await until(async () => (await inside(pid, "systemctl is-system-running", {})).out.trim(), isUp, 60_000);
  return { process: child, pid };
}

const isUp = (state: string): boolean => state === "running" || state === "degraded";

async function inside(pid: number, script: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const variables = Object.entries({
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    HOME: "/root",
    ...env,
  });
  const child = spawn("nsenter", ["--target", String(pid), "--all", "sh", "-c", script], {
    env: Object.fromEntries(variables),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, out, errors };
}
