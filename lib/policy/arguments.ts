/** What config demands of a call's arguments. The texts name keys, never a value: the journal keeps them in the clear. */
import type { Agent } from "../config/config.ts";
import { coversHost } from "../config/host-pattern.ts";
import { keyPath } from "../config/problem.ts";
import { matchesWhole } from "../config/safe-pattern.ts";
import type { ArgumentRule } from "../config/schema.ts";
import { covers } from "../config/tool-glob.ts";
import { isNamed } from "./named.ts";

/** A rule that a call does not meet, by its key, and what then becomes of the call. */
export interface Unmet {
  readonly key: string;
  readonly becomes: "deny" | "ask";
}

/** The agent's rules for the tool that the arguments do not meet. An argument that is not there meets them all. */
export function unmetRules(
  agent: Agent,
  tool: string,
  args: Readonly<Record<string, unknown>>,
  request: string,
): Unmet[] {
  const unmet: Unmet[] = [];
  for (const [glob, rules] of Object.entries(agent.arguments)) {
    if (!covers(glob, tool)) continue;
    for (const [path, rule] of Object.entries(rules)) {
      const values = valuesAt(args, path.split("."));
      for (const kind of kinds)
        if (values.some((value) => !meets(kind, rule, value, request)))
          unmet.push({ key: keyPath(["agents", agent.name, "arguments", glob, path, kind]), becomes: rule.unmet });
    }
  }
  return unmet;
}

/**
 * All that could be meant by a path: every element of a list on the way, every reading of a dotted name. Where the way
 * ends early, what stands there instead.
 */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  if (value === undefined) return [];
  if (path.length === 0 || typeof value !== "object" || value === null) return [value];
  return path.flatMap((_, at) => {
    const name = path.slice(0, at + 1).join(".");
    return Object.hasOwn(value, name) ? valuesAt(Reflect.get(value, name), path.slice(at + 1)) : [];
  });
}

const kinds = ["hosts", "one_of", "pattern", "max_length", "named"] as const;

function meets(kind: (typeof kinds)[number], rule: ArgumentRule, value: unknown, request: string): boolean {
  const text = textOf(value);
  switch (kind) {
    case "hosts":
      return rule.hosts === undefined || (text !== undefined && isAt(rule.hosts, text));
    case "one_of":
      return rule.one_of === undefined || (text !== undefined && rule.one_of.includes(text));
    case "pattern":
      return rule.pattern === undefined || (text !== undefined && matchesWhole(rule.pattern, text));
    case "max_length":
      return rule.max_length === undefined || (text !== undefined && text.length <= rule.max_length);
    case "named":
      return !rule.named || (text !== undefined && isNamed(text, request));
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : undefined;

/** A whole http URL to one of the hosts, written so that no other reader of URLs could find another host in it. */
function isAt(hosts: readonly string[], text: string): boolean {
  if (/[\s\\\p{Cc}]/u.test(text)) return false;
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return false;
  const host = url.hostname.replace(/\.$/, "");
  return hosts.some((pattern) => coversHost(pattern, host));
}
