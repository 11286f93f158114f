/** The application service's registration: what it says, and as YAML. */
import { serviceId } from "./client.ts";
import { escapeRegex } from "./escape-regex.ts";

/** A registration as the homeserver reads it. */
export interface Registration {
  readonly id: string;
  readonly url: string;
  readonly as_token: string;
  readonly hs_token: string;
  readonly sender_localpart: string;
  readonly namespaces: { readonly users: readonly { readonly exclusive: boolean; readonly regex: string }[] };
}

/** What a registration is made of. */
export interface ServiceFacts {
  /** Where the homeserver reaches the gateway's public listener. */
  readonly url: string;
  /** The part after the colon in Matrix ids. */
  readonly serverName: string;
  /** The service's own user. */
  readonly sender: string;
  /** The prefix of every agent's localpart. */
  readonly namespace: string;
  /** Left out: fresh ones. */
  readonly tokens?: { readonly asToken: string; readonly hsToken: string } | undefined;
}

/** Makes a registration by the bridge, which is loaded here alone: it costs 58 MB and up to half a second. */
export async function makeRegistration(facts: ServiceFacts): Promise<Registration> {
  // Its dependencies warn of their own age.
  process.noDeprecation = true;
  const { AppServiceRegistration } = await import("matrix-appservice-bridge");
  const made = new AppServiceRegistration(facts.url);
  made.setId(serviceId);
  made.setAppServiceToken(facts.tokens?.asToken ?? AppServiceRegistration.generateToken());
  made.setHomeserverToken(facts.tokens?.hsToken ?? AppServiceRegistration.generateToken());
  made.setSenderLocalpart(facts.sender);
  made.addRegexPattern("users", namespaceRegex(facts.namespace, facts.serverName), true);
  const output = made.getOutput();
  return { ...output, url: output.url ?? "", namespaces: { users: output.namespaces?.users ?? [] } };
}

/** The users of ours: the prefix and the server, with nothing in them read as a pattern. */
export const namespaceRegex = (prefix: string, serverName: string): string =>
  `@${escapeRegex(prefix)}.*:${escapeRegex(serverName)}`;

/** The registration file. Strings are written as JSON, which YAML reads. */
export function registrationYaml(registration: Registration): string {
  const text = JSON.stringify;
  return [
    "# OpenClaw's application service. Holds secrets: readable by the homeserver's user alone.",
    `id: ${text(registration.id)}`,
    `url: ${text(registration.url)}`,
    `as_token: ${text(registration.as_token)}`,
    `hs_token: ${text(registration.hs_token)}`,
    `sender_localpart: ${text(registration.sender_localpart)}`,
    "rate_limited: false",
    "receive_ephemeral: true",
    "namespaces:",
    "  users:",
    ...registration.namespaces.users.flatMap(({ exclusive, regex }) => [
      `    - exclusive: ${exclusive}`,
      `      regex: ${text(regex)}`,
    ]),
    "  aliases: []",
    "  rooms: []",
    "",
  ].join("\n");
}

/** Where a registration file of ours says the homeserver reaches the gateway; undefined where the text is none of ours. */
export function urlInRegistration(yaml: string): string | undefined {
  const value = (key: string): unknown => {
    const [, text] = new RegExp(`^${key}: (".*")$`, "m").exec(yaml) ?? [];
    try {
      return text && (JSON.parse(text) as unknown);
    } catch {
      return undefined;
    }
  };
  const url = value("url");
  return value("id") === serviceId && typeof url === "string" ? url : undefined;
}
