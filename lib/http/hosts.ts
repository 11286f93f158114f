/** Which hosts may be fetched from: entries such as "example.org", "*.example.org", "http://nas.lan:8080". Pure. */
import { ClawError } from "../errors.ts";

/** One entry of a host list, read. */
export interface HostRule {
  /** As a URL gives it: lower case, in ASCII, IPv6 in brackets. */
  readonly host: string;
  /** The hosts below `host`, instead of itself. */
  readonly below: boolean;
  /** http:// is allowed as well as https://. */
  readonly plain: boolean;
  /** Undefined: 443, and 80 for http://. */
  readonly port: number | undefined;
  /** It may stand at a private address. */
  readonly private: boolean;
}

const shape = /^(https?:\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^\s/\\:@?#%*[\]]+)(?::([1-9][0-9]{0,4}))?$/;

/** An entry, or undefined where it is none: also where its host is not written as a URL would have it. */
export function parseHostRule(entry: string, isPrivate: boolean): HostRule | undefined {
  const [, scheme, wildcard, host = "", digits] = shape.exec(entry) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (URL.parse(`https://${host}/`)?.hostname !== host || (port ?? 0) > 65_535) return undefined;
  return { host, below: wildcard !== undefined, plain: scheme === "http://", port, private: isPrivate };
}

/** The entries of both lists. Throws where one was not checked. */
export const hostRules = (hosts: readonly string[], privateHosts: readonly string[]): HostRule[] =>
  [...privateHosts.map((entry) => [entry, true] as const), ...hosts.map((entry) => [entry, false] as const)].map(
    ([entry, isPrivate]) => {
      const rule = parseHostRule(entry, isPrivate);
      if (!rule) throw new Error(`"${entry}" is no host entry`);
      return rule;
    },
  );

/** The entry that allows a URL: the first one, of whom those for private hosts come before. */
const ruleFor = (url: URL, rules: readonly HostRule[]): HostRule | undefined =>
  rules.find(
    (rule) =>
      covers(rule, url.hostname) &&
      (url.protocol === "https:" || (url.protocol === "http:" && rule.plain)) &&
      (rule.port === undefined ? url.port === "" : rule.port === portOf(url)),
  );

const covers = ({ host, below }: HostRule, hostname: string): boolean =>
  below ? hostname.endsWith(`.${host}`) : hostname === host;

const portOf = ({ port, protocol }: URL): number => Number(port) || (protocol === "https:" ? 443 : 80);

/** A URL that may be fetched from, with the entry that allows it. Throws ClawError `bad_request`. */
export function allowedUrl(text: string, rules: readonly HostRule[]): { readonly url: URL; readonly rule: HostRule } {
  const refused = (why: string): ClawError => new ClawError("bad_request", `Not fetched: ${why}`);
  const url = URL.parse(text);
  if (!url) throw refused("this is no whole URL.");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refused("only https:// and http:// are fetched.");
  if (url.username !== "" || url.password !== "") throw refused("a URL with a user or a password in it is refused.");
  if (rules.length === 0)
    throw refused("the operator has allowed no host; tools.http.hosts in openclaw.toml lists those that are.");
  const rule = ruleFor(url, rules);
  if (rule) return { url, rule };
  throw refused(
    ruleFor(new URL(`https://${url.host}`), rules)
      ? `${url.host} is fetched by https:// alone (tools.http.hosts).`
      : `the operator has not allowed ${url.host} (tools.http.hosts).`,
  );
}
