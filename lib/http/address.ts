/** What an IP address leads to, by the ranges of the registries (IANA special-purpose addresses). */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * `public`: the internet. `private`: this machine or a local network. `never`: nothing a page is fetched from, such as
 * link-local addresses (a cloud's metadata service), multicast, and those that hide an IPv4 address (NAT64, 6to4, Teredo).
 */
export type Reach = "public" | "private" | "never";

const local: readonly string[] = ["loopback", "private", "uniqueLocal", "carrierGradeNat"];

/** Where an address leads; `never` for what is no address. An IPv4-mapped address is judged as the IPv4 address it is. */
export function reachOf(text: string): Reach {
  const version = isIP(text);
  if (version === 0) return "never";
  // Written by hexadecimal digits alone: ipaddr.js takes "::1.2.3.4", which is an address of its own, for a mapped one.
  const parsed = ipaddr.parse(
    version === 6 ? new URL(`http://[${text.replace(/%.*/, "")}]`).hostname.slice(1, -1) : text,
  );
  const address = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed;
  const range: string = address.range();
  if (local.includes(range)) return "private";
  // Of IPv6 only 2000::/3 is given out: the rest, such as ::127.0.0.1, has no range of its own there.
  const given = address instanceof ipaddr.IPv4 || ((address.parts[0] ?? 0) & 0xe000) === 0x2000;
  return range === "unicast" && given ? "public" : "never";
}
