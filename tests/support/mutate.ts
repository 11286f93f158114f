/** Values of the right shape with something wrong in them, for fuzzing. */
import fc from "./property.ts";
import { z } from "zod";

type Json = unknown;

/** What stands where it should not. */
export const oddValue: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(
    null,
    undefined,
    true,
    false,
    0,
    -0,
    -1,
    1.5,
    NaN,
    1e300,
    2 ** 53,
    "",
    " ",
    "0",
    "__proto__",
    "constructor",
    "\0",
    "\ud800",
    "$",
    "!",
    "@",
    "@a:b",
    "mxc://../..",
    "mxc://a/../b",
    "file:///etc/passwd",
    "/etc/passwd",
    "../x",
    [],
    {},
    [[]],
    [null],
    "x".repeat(5_000),
    { toString: 1 },
    { length: -1 },
    { length: { toString: 1 } },
    { then: 1 },
  ),
  fc.string({ maxLength: 12, unit: "binary" }),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
);

interface Change {
  readonly at: number;
  readonly how: "replace" | "remove" | "add" | "nest";
  readonly key: string;
  readonly value: Json;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(10_000),
  how: fc.constantFrom("replace", "replace", "replace", "remove", "add", "nest"),
  key: fc.oneof(
    fc.constantFrom("__proto__", "constructor", "toString", "update_id", "url", "id"),
    fc.string({ maxLength: 6 }),
  ),
  value: oddValue,
});

/** One of the samples, or of what `more` makes, with up to four changes at any depth. */
export const mutated = (samples: readonly Json[], more?: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  fc
    .tuple(more ?? fc.constantFrom(...samples), fc.array(change, { maxLength: 4, size: "max" }))
    .map(([sample, changes]) => changes.reduce(apply, structuredClone(sample)));

function apply(root: Json, { at, how, key, value: shared }: Change): Json {
  // A later change may be made inside it.
  const value = structuredClone(shared);
  const places: [holder: Record<string, Json>, key: string][] = [];
  const walk = (node: Json): void => {
    if (typeof node !== "object" || node === null) return;
    for (const name of Object.keys(node)) {
      places.push([node as Record<string, Json>, name]);
      walk((node as Record<string, Json>)[name]);
    }
  };
  walk(root);
  const place = places[at % (places.length || 1)];
  if (!place) return how === "replace" ? value : root;
  const [holder, name] = place;
  if (how === "remove") delete holder[name];
  else if (how === "replace") put(holder, name, value);
  else if (how === "nest") put(holder, name, Array.isArray(value) ? [holder[name]] : { [key]: holder[name] });
  else if (Array.isArray(holder)) holder.push(value);
  else put(holder, key, value);
  return root;
}

/** As an own property, whatever its name. */
const put = (holder: object, name: string, value: Json): void => {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
};

/** Arguments that a schema takes more often than not. */
export function arbitraryOf(schema: z.ZodObject): fc.Arbitrary<Record<string, Json>> {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" });
  const fields = Object.entries(properties).map(
    ([name, property]) => [name, valueOf(property as Property, name)] as const,
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

interface Property {
  readonly type?: string;
  readonly enum?: readonly Json[];
  readonly format?: string;
}

function valueOf({ type, enum: options, format }: Property, name: string): fc.Arbitrary<Json> {
  if (options) return fc.constantFrom(...options);
  if (format === "date") return fc.constantFrom("2026-01-02", "2026-02-30", "0000-00-00", "2024-02-29");
  if (name === "url") return fc.webUrl();
  if (name === "id" && type === "string")
    return fc.constantFrom("HOME-12", "home-1", " HOME-3 ", "HOME", "-1", "A/B-1");
  if (name === "ids") return fc.array(fc.integer({ min: -1, max: 12 }), { maxLength: 4 });
  if (type === "string") return fc.string({ minLength: 1, maxLength: 20 });
  if (type === "integer" || type === "number") return fc.integer({ min: -1, max: 12 });
  return type === "boolean" ? fc.boolean() : oddValue;
}
