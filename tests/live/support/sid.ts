import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, appendFile, copyFile, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chrootEnvironment, contained, inChroot } from './chroot-process.ts';
import { type HostApt, readHostApt } from './host-apt.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const CHROOT_CA_BUNDLE = '/etc/apt/host-ca.crt';
const STEP_MILLISECONDS = 15 * 60_000;

/** This machine cannot hold the real peers; the message says what is missing and how to get it. */
export class PeersUnavailable extends Error {
  override name = 'PeersUnavailable';
}

/**
 * Makes a Debian sid chroot that has these packages; where it has them already, returns at once.
 * It lives in `$OPENCLAW_LIVE_DIR` (default `~/.cache/openclaw-live`); delete it to get newer packages.
 * Throws `PeersUnavailable` where it cannot be made.
 */
export async function ensureChroot(packages: string[]): Promise<{ dir: string }> {
  const root = path.resolve(process.env.OPENCLAW_LIVE_DIR ?? path.join(os.homedir(), '.cache/openclaw-live'));
  const dir = path.join(root, 'sid');
  const missingFrom = (installed: string[]) => packages.filter((name) => !installed.includes(name));

  await requireNamespaces();
  if (missingFrom(await readStamp(dir)).length === 0) return { dir };
  await mkdir(root, { recursive: true });
  const lock = await acquireLock(dir);
  try {
    // Read again: another process may have done the work while this one waited for the lock.
    const installed = await readStamp(dir);
    const missing = missingFrom(installed);
    if (missing.length === 0) return { dir };
    const log = path.join(root, 'build.log');
    const apt = await readHostApt();
    if (installed.length === 0) await bootstrap(dir, apt, log);
    await install(dir, apt, missing, log);
    await writeFile(stampFile(dir), JSON.stringify(['base-files', ...installed, ...missing]));
    return { dir };
  } finally {
    lock.close();
  }
}

async function bootstrap(dir: string, apt: HostApt, log: string): Promise<void> {
  if (!(await exists('/usr/sbin/debootstrap')) || !(await exists(KEYRING))) {
    const remedy = 'Install the packages debootstrap and debian-archive-keyring.';
    await step('Refreshing the package lists', ['sh', '-c', 'apt-get update || true'], log, remedy);
    const argv = ['apt-get', 'install', '-y', '--no-install-recommends', 'debootstrap', 'debian-archive-keyring'];
    await step('Installing debootstrap', argv, log, remedy);
  }
  // What is there is half made. Programs of another run may still have mounts in it: never cross them.
  await step('Removing the half-made chroot', ['rm', '-rf', '--one-file-system', dir], log, `Remove ${dir} by hand.`);
  const argv = ['debootstrap', '--variant=minbase', '--force-check-gpg', `--keyring=${KEYRING}`, 'sid', dir, apt.mirror];
  await step('debootstrap', [...contained, ...argv], log, `It needs the mirror ${apt.mirror}.`, apt.proxies);

  const settings = [...apt.settings, 'APT::Install-Recommends "false";', 'Acquire::Languages "none";'];
  if (await exists(apt.caBundle)) {
    await copyFile(apt.caBundle, path.join(dir, CHROOT_CA_BUNDLE));
    settings.push(`Acquire::https::CAInfo "${CHROOT_CA_BUNDLE}";`);
  }
  await writeFile(path.join(dir, 'etc/apt/apt.conf.d/99host'), `${settings.join('\n')}\n`);
  await writeFile(path.join(dir, 'etc/dpkg/dpkg.cfg.d/99fast'), 'force-unsafe-io\npath-exclude=/usr/share/doc/*\n');
  // No package may start its own daemon.
  await writeFile(path.join(dir, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
}

async function install(dir: string, apt: HostApt, packages: string[], log: string): Promise<void> {
  const environment = { ...apt.proxies, DEBIAN_FRONTEND: 'noninteractive' };
  const inside = (what: string, ...argv: string[]) =>
    step(what, inChroot(dir, argv), log, `It needs the mirror ${apt.mirror}.`, environment);
  await copyFile('/etc/resolv.conf', path.join(dir, 'etc/resolv.conf'));
  await inside('Refreshing the chroot’s package lists', 'apt-get', 'update');
  await inside('Downloading packages', 'apt-get', 'install', '-y', '--download-only', ...packages);
  // From here on an interruption leaves packages half configured; without its stamp the chroot is remade.
  await rm(stampFile(dir), { force: true });
  await inside('Installing packages', 'apt-get', 'install', '-y', ...packages);
  await inside('Emptying the package cache', 'apt-get', 'clean');
}

async function step(
  what: string,
  [command = '', ...args]: string[],
  log: string,
  remedy: string,
  environment: Record<string, string> = {},
): Promise<void> {
  await appendFile(log, `\n== ${what}: ${[command, ...args].join(' ')}\n`);
  const file = await open(log, 'a');
  try {
    const env = { ...proxyVariables(), ...chrootEnvironment(environment) };
    const child = spawn(command, args, { env, stdio: ['ignore', file.fd, file.fd], timeout: STEP_MILLISECONDS });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code === 0) return;
    const tail = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-5).join('\n');
    throw new PeersUnavailable(`${what} failed. ${remedy}\n${tail}\nThe whole output is in ${log}.`);
  } finally {
    await file.close();
  }
}
