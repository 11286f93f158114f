/** What `[mcp.*]` says, known without asking a server: its tools and their safety facts, and what cannot hold together. */
import type { Effect, Label } from "../tools/define.ts";
import type { Draft } from "./draft.ts";
import type { Environment } from "./environment.ts";
import type { Problems } from "./problem.ts";
import type { RawConfig } from "./schema.ts";
import type { Secret } from "./secret.ts";

/** One tool of a server as the operator granted it. */
export interface McpToolFacts {
  /** As agents and policy know it: `files_read`. */
  readonly name: string;
  /** As the server knows it. */
  readonly remote: string;
  /** `untrusted` is always among them. */
  readonly labels: readonly Label[];
  readonly effect: Effect;
}

/** A server with its secrets resolved. */
export interface McpServer {
  readonly name: string;
  readonly timeoutMs: number;
  readonly maxChars: number;
  readonly tools: readonly McpToolFacts[];
  readonly reach:
    | {
        readonly kind: "stdio";
        readonly command: readonly [string, ...string[]];
        /** Everything the program is given, but HOME. */
        readonly env: ReadonlyMap<string, string | Secret>;
        readonly cwd: string | undefined;
      }
    | { readonly kind: "http"; readonly url: string; readonly headers: ReadonlyMap<string, Secret> };
}

/** Where there is no PATH at all. */
const plainPath = "/usr/local/bin:/usr/bin:/bin";

/** The tools of all servers, as far as a config that may be invalid tells of them. */
export const mcpToolFacts = (section: Draft["mcp"]): McpToolFacts[] =>
  Object.entries(section ?? {}).flatMap(([server, settings]) => toolsOf(server, settings?.tools));

type DraftTools = NonNullable<NonNullable<Draft["mcp"]>[string]>["tools"];

const toolsOf = (server: string, tools: DraftTools): McpToolFacts[] =>
  Object.entries(tools ?? {}).map(([remote, settings]) => ({
    name: toolName(server, settings?.name ?? remote),
    remote,
    labels: [...new Set<Label>(["untrusted", ...(settings?.labels ?? []).filter((label) => label !== undefined)])],
    effect: settings?.effect ?? "unsafe",
  }));

/** `NAME_remotetool`, of what function names may hold. */
const toolName = (server: string, remote: string): string =>
  [server, ...remote.toLowerCase().split(/[^a-z0-9]+/)].filter((part) => part !== "").join("_");

/** Makes a server of its checked settings. */
export function mcpServerOf(
  name: string,
  raw: RawConfig["mcp"][string],
  secret: (key: string) => Secret,
  environment: Environment,
): McpServer {
  const { command, env, cwd, url = "", headers, timeout_seconds, max_chars, tools } = raw;
  const key = `mcp.${name}`;
  const [program, ...args] = command ?? [];
  const given = Object.entries(env).map(([variable, value]): [string, string | Secret] => [
    variable,
    typeof value === "string" ? value : secret(`${key}.env.${variable}`),
  ]);
  const basis: [string, string][] = [
    ["PATH", environment.get("PATH") || plainPath],
    ["LANG", "C.UTF-8"],
  ];
  return {
    name,
    timeoutMs: timeout_seconds * 1000,
    maxChars: max_chars,
    tools: toolsOf(name, tools),
    reach:
      program === undefined
        ? {
            kind: "http",
            url,
            headers: new Map(Object.keys(headers).map((header) => [header, secret(`${key}.headers.${header}`)])),
          }
        : { kind: "stdio", command: [program, ...args], env: new Map([...basis, ...given]), cwd },
  };
}

/** Adds a problem for every server or tool that cannot be what it says. `others`: the tools that are no server's. */
export function checkMcp(draft: Draft, others: readonly string[], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const [server, settings] of Object.entries(draft.mcp ?? {})) {
    if (settings === undefined) continue;
    const key = `mcp.${server}`;
    const { command, url, env, headers, cwd } = settings;
    if (command === undefined && url === undefined)
      problems.add(key, "has neither command nor url", 'write command = ["program"], or url = "https://…"');
    if (command !== undefined && url !== undefined)
      problems.add(key, "has both command and url", "keep the one it is reached by");
    if (command === undefined && (Object.keys(env ?? {}).length > 0 || cwd !== undefined))
      problems.add(key, "has env or cwd, which are for a command", "remove them");
    if (url === undefined && Object.keys(headers ?? {}).length > 0)
      problems.add(`${key}.headers`, "are for a url", "remove them");
    const taken = others.find((tool) => tool.startsWith(`${server}_`));
    if (taken !== undefined)
      problems.add(
        key,
        `"${server}_*" is a family already (${taken}), and what grants it would grant the server's tools`,
        "give the server another name",
      );
    for (const { name, remote, labels, effect } of toolsOf(server, settings.tools)) {
      const at = `${key}.tools.${/^[A-Za-z0-9_-]+$/.test(remote) ? remote : JSON.stringify(remote)}`;
      const owner = owners.get(name);
      if (owner !== undefined) problems.add(at, `is "${name}" as well as ${owner}`, `give one another name = "…"`);
      else if (name.length > 64) problems.add(at, `"${name}" is longer than 64 characters`, `give it a name = "…"`);
      else if (!name.includes("_")) problems.add(at, "leaves no name for the tool", `give it a name = "…"`);
      owners.set(name, at);
      const written = settings.tools?.[remote]?.effect;
      if (written !== undefined && effect !== "idempotent" && !labels.includes("act") && !labels.includes("egress"))
        problems.add(`${at}.effect`, `"${effect}" needs the label act or egress`, "add the one that is true of it");
    }
  }
}
