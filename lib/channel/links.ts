/** Which links of a text people may follow. */
import { coversHost } from "../config/host-pattern.ts";

/** A message is rendered with one where strangers may have had a say in it; without one every link is meant. */
export interface LinkPolicy {
  /** Whether a link may lead to this host: lower case, an international name in its ASCII form. */
  allows(host: string): boolean;
  /** Whether a link may lead exactly there: the URL as the text has it. */
  readonly allowsUrl?: (url: string) => boolean;
}

/** Links to these hosts and no others: `wiki.example` is that host alone, `*.home.example` every host below it. */
export const linksTo = (hosts: readonly string[]): LinkPolicy => ({
  allows: (host) => hosts.some((pattern) => coversHost(pattern, host)),
});

/** Besides what `policy` allows, links to exactly these URLs. */
export const linksAlsoTo = (policy: LinkPolicy, urls: ReadonlySet<string>): LinkPolicy => ({
  ...policy,
  allowsUrl: (url) => urls.has(url),
});

/** No link at all. */
export const noLinks: LinkPolicy = linksTo([]);
