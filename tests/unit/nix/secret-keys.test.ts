import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { jsonSchema } from "../../../lib/config/json-schema.ts";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
}

const file = new URL("../../../nix/lib/secret-keys.json", import.meta.url);

/** Whether a schema is one of a reference's three forms. */
const isForm = ({ properties = {} }: Schema): boolean =>
  Object.keys(properties).length === 1 && ["env", "file", "credential"].some((kind) => kind in properties);

/** Every key that takes a secret by reference, a `*` for each name the operator gives; and whether it takes text as well. */
function secretKeys(schema: Schema, path: readonly string[] = []): { key: string; text: boolean }[] {
  const { properties = {}, additionalProperties, anyOf = [] } = schema;
  if (anyOf.some(isForm)) return [{ key: path.join("."), text: !anyOf.every(isForm) }];
  const inner = Object.entries(properties);
  if (typeof additionalProperties === "object") inner.push(["*", additionalProperties]);
  return inner.flatMap(([key, value]) => secretKeys(value, [...path, key]));
}

test("the keys that Nix knows to take secrets are those of the schema", () => {
  const keys = secretKeys(jsonSchema());
  const those = (text: boolean): string[] =>
    keys
      .filter((found) => found.text === text)
      .map(({ key }) => key)
      .sort();
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { references: those(false), either: those(true) });
});
