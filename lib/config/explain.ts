/** Turns what zod finds wrong into problems an operator can act on. Values are never quoted: one may be a secret. */
import { z } from "zod";
import { ownValue, unwrapped } from "./draft.ts";
import { nearest } from "./nearest.ts";
import { keyPath, type Problems } from "./problem.ts";
import { configSchema } from "./schema.ts";

type Issue = z.core.$ZodIssue;

/** Adds the problems of `issues`, which are those of `document` against the schema. */
export function explainIssues(issues: readonly Issue[], document: unknown, problems: Problems): void {
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") explainUnknown(issue, problems);
    else if (issue.code === "invalid_key") explainName(issue, problems);
    else explainValue(issue, valueAt(document, issue.path), problems);
  }
}

/** Adds a problem for each key named `__proto__`, which no validation sees. */
export function explainPrototypeKeys(value: unknown, problems: Problems, path: readonly PropertyKey[] = []): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (key === "__proto__") problems.add(keyPath(at), "__proto__ cannot be a key", "rename it");
    else explainPrototypeKeys(item, problems, at);
  }
}

function explainUnknown(issue: z.core.$ZodIssueUnrecognizedKeys, problems: Problems): void {
  const known = keysAt(issue.path);
  const place = issue.path.length === 0 ? "At the top level" : `In [${keyPath(issue.path)}]`;
  for (const key of issue.keys.filter((name) => name !== "__proto__")) {
    const meant = nearest(key, known);
    const question = meant === undefined ? "remove it." : `did you mean "${meant}"?`;
    problems.add(keyPath([...issue.path, key]), "unknown key", `${question} ${place}: ${known.join(", ")}`);
  }
}

function explainName(issue: z.core.$ZodIssueInvalidKey, problems: Problems): void {
  problems.add(keyPath(issue.path), `this name ${issue.issues[0]?.message ?? "is not allowed"}`, "rename it");
}

function explainValue(issue: Issue, value: unknown, problems: Problems): void {
  const key = keyPath(issue.path);
  const about = descriptionAt(issue.path);
  if (issue.code === "invalid_union" && issue.message.includes("{ env")) {
    // A secret, or what takes text besides.
    explainSecret(key, value, issue.message, problems);
  } else if (value === undefined) {
    problems.add(key, "is missing", about ? `add it: ${about}` : "add it");
  } else {
    problems.add(key, wrongValue(issue, value), about ? `it means: ${about}` : "see openclaw.example.toml");
  }
}

function explainSecret(key: string, value: unknown, rule: string, problems: Problems): void {
  const name = key.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  const form = `${key.split(".").at(-1)} = { env = "${name}" }`;
  if (value === undefined)
    problems.add(key, "is missing", `add ${form}, or { file = "/absolute/path" }, or { credential = "NAME" }`);
  else if (typeof value === "string")
    problems.add(
      key,
      "holds the secret itself",
      `never put a secret in this file: set it in the environment and write ${form}; then replace that secret, it was in a file`,
    );
  else problems.add(key, rule, `write ${form}, where env is the NAME of a variable and never its value`);
}

function wrongValue(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${typeNames[issue.expected] ?? issue.expected}, not ${kindOf(value)}`;
    case "invalid_value":
      return `must be one of ${issue.values.map((allowed) => JSON.stringify(allowed)).join(", ")}`;
    case "too_small":
      if (issue.origin === "string") return "must not be empty";
      return `must be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "string") return `must be ${issue.maximum} characters at most`;
      return `must be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const typeNames: Partial<Record<string, string>> = {
  string: 'text in quotes ("…")',
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list ([…])",
  object: "a section",
  record: "a section",
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "string") return "text";
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : "a number with a fraction";
  return typeof value === "boolean" ? "true or false" : "a section";
}

const valueAt = (document: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => ownValue(value, key), document);

/** The schemas met on the way to a path, from the root's. */
function schemasTo(path: readonly PropertyKey[]): z.core.$ZodType[] {
  const met: z.core.$ZodType[] = [configSchema];
  for (const key of path) {
    const schema = unwrapped(met.at(-1) ?? configSchema);
    let next: z.core.$ZodType | undefined;
    if (schema instanceof z.ZodObject) next = shapeOf(schema)[String(key)];
    else if (schema instanceof z.ZodRecord) next = schema.def.valueType;
    else if (schema instanceof z.ZodArray) next = schema.def.element;
    if (next === undefined) break;
    met.push(next);
  }
  return met;
}

const shapeOf = (schema: z.ZodObject): z.core.$ZodShape => schema.shape;

const schemaAt = (path: readonly PropertyKey[]): z.core.$ZodType => unwrapped(schemasTo(path).at(-1) ?? configSchema);

function keysAt(path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(shapeOf(schema)) : [];
}

function descriptionAt(path: readonly PropertyKey[]): string | undefined {
  const schemas = schemasTo(path);
  const own = schemas.length === path.length + 1 ? schemas.at(-1) : undefined;
  return own && z.globalRegistry.get(own)?.description;
}
