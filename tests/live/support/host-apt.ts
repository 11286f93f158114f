import { execFile } from "node:child_process";
import { promisify } from "node:util";

const DEFAULT_MIRROR = "http://deb.debian.org/debian";
const run = promisify(execFile);

/** What this machine's own apt knows about the way to a Debian mirror. */
export interface HostApt {
  mirror: string;
  /** Lines of an apt.conf file: proxies, TLS and clock checks. */
  settings: string[];
  /** The PEM bundle that apt trusts for https mirrors. */
  caBundle: string;
  /** Proxy variables for wget, which debootstrap calls and which does not read apt's settings. */
  proxies: Record<string, string>;
}

/** Reads the mirror, proxy and CA settings of this machine's apt; without apt, gives Debian's defaults. */
export async function readHostApt(): Promise<HostApt> {
  const [uris, dump] = await Promise.all([output("apt-get", "--print-uris", "update"), output("apt-config", "dump")]);
  const value = (key: string) => new RegExp(`^Acquire::${key} "(.+)";`, "im").exec(dump)?.[1];
  const proxies: Record<string, string> = {};
  for (const scheme of ["http", "https"]) {
    const proxy = value(`${scheme}::Proxy`);
    if (proxy !== undefined && proxy !== "DIRECT") proxies[`${scheme}_proxy`] = proxy;
  }
  return {
    // Not debian-security, nor another distribution's mirror: those hold no sid.
    mirror: /^'(https?:\/\/\S+\/debian)\/dists\//m.exec(uris)?.[1] ?? DEFAULT_MIRROR,
    settings: dump.split("\n").filter((line) => /^Acquire::(https?::|Check-|Retries)/i.test(line)),
    caBundle: value("https::CAInfo") ?? "/etc/ssl/certs/ca-certificates.crt",
    proxies,
  };
}

async function output(command: string, ...args: string[]): Promise<string> {
  try {
    return (await run(command, args, { maxBuffer: 16 << 20 })).stdout;
  } catch {
    return "";
  }
}
