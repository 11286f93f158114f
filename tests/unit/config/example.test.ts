import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "smol-toml";
import { Environment } from "../../../lib/config/environment.ts";
import { jsonSchema } from "../../../lib/config/json-schema.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { secrets, tools } from "./support.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";

const root = join(import.meta.dirname, "../../..");
const example = readFileSync(join(root, "openclaw.example.toml"), "utf8");

/** The example with every option that is off switched on: lines that begin with "#" and no space, and sections that are off. */
const everything = example.replaceAll(/^#(?=[a-z_]+ = |\[)/gm, "");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
  readonly default?: unknown;
}

interface Key {
  readonly path: string;
  readonly schema: Schema;
}

/** Every key of the schema, a `*` for each name the operator gives. */
function pathsOf(schema: Schema, path = ""): Key[] {
  const { properties = {}, additionalProperties } = schema;
  const named = Object.entries(properties).flatMap(([key, inner]) => [
    { path: `${path}${key}`, schema: inner },
    ...pathsOf(inner, `${path}${key}.`),
  ]);
  return typeof additionalProperties === "object" ? [...named, ...pathsOf(additionalProperties, `${path}*.`)] : named;
}

/** Every key of a document by its path, also with a `*` for any part of it. */
const keysWritten = (value: unknown): Set<string> => {
  const paths = new Set<string>();
  const walk = (table: unknown, path: string): void => {
    if (typeof table !== "object" || table === null || Array.isArray(table)) return;
    for (const [key, item] of Object.entries(table)) {
      paths.add(`${path}${key}`);
      walk(item, `${path}${key}.`);
      walk(item, `${path}*.`);
    }
  };
  walk(value, "");
  return paths;
};

const schemaPaths = pathsOf(jsonSchema());

test("the example loads, without a warning", () => {
  const config = loadConfig(join(root, "openclaw.example.toml"), { env: new Environment(secrets), tools });
  assert.deepEqual([...config.agents.keys()], ["ops", "helper"]);
  assert.deepEqual(configWarnings(config), []);
});

test("the example loads with every option switched on", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-example-"));
  t.after(() => rmSync(directory, { recursive: true }));
  cpSync(join(root, "prompts"), join(directory, "prompts"), { recursive: true });
  for (const name of ["database-url", "database-owner-url"])
    writeFileSync(join(directory, name), "postgres://claw@localhost/claw\n");
  const file = join(directory, "openclaw.toml");
  writeFileSync(file, everything);
  const env = new Environment({ ...secrets, CREDENTIALS_DIRECTORY: directory });
  const config = loadConfig(file, { env, tools });
  assert.deepEqual(config.telegram.get("home")?.chats, [-1001234567890]);
});

test("every key of the schema occurs in the example and has a description", () => {
  const written = keysWritten(parse(everything));
  assert.ok(schemaPaths.length > 70);
  for (const { path, schema } of schemaPaths) {
    assert.ok(written.has(path), `openclaw.example.toml does not show ${path}`);
    assert.ok(schema.description, `${path} has no description`);
  }
});

test("docs/configuration.md has every key with its default, and no other", () => {
  const docs = readFileSync(join(root, "docs/configuration.md"), "utf8").split("\n## Keys\n")[1] ?? "";
  const documented = new Map<string, string>();
  for (const section of docs.split("\n### ").slice(1)) {
    const heading = /^`(.+)`/.exec(section)?.[1]?.replaceAll(/\b(NAME|ROOM|TOOL|ARGUMENT)\b/g, "*");
    for (const [, key = "", value = ""] of section.matchAll(/^\| `([a-z_.]+)` +\| (.+?) +\|/gm))
      documented.set(heading ? `${heading}.${key}` : key, value);
    if (heading) documented.set(heading.replace(/(\.\*)+$/, ""), "");
  }
  assert.deepEqual([...documented.keys()].sort(), schemaPaths.map(({ path }) => path).sort());
  for (const { path, schema } of schemaPaths)
    if (schema.default !== undefined && typeof schema.default !== "object")
      assert.equal(documented.get(path), `\`${JSON.stringify(schema.default)}\``, path);
});

test("the prompts are short", () => {
  for (const name of ["ops", "helper"])
    assert.ok(readFileSync(join(root, `prompts/${name}.md`), "utf8").split(/\s+/).length <= 151);
});

test("the JSON Schema is titled, strict and without a secret's literal form", () => {
  const schema = jsonSchema();
  assert.equal(schema["$id"], "urn:openclaw-gateway:openclaw.toml");
  assert.equal(schema["additionalProperties"], false);
  assert.deepEqual(schema["required"], ["backends", "groups", "agents"]);
  const { anyOf } = (schema["properties"] as Record<string, { anyOf?: { type: string }[] }>)["key"] ?? {};
  assert.deepEqual(
    anyOf?.map(({ type }) => type),
    ["object", "object", "object"],
  );
});
