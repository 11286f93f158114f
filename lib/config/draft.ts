import { z } from "zod";
import type { RawConfig } from "./schema.ts";
import { configSchema } from "./schema.ts";
import type { SecretRef } from "./schema.ts";
import { safeParse } from "../safe-parse.ts";

/** A config of which only what parsed is known: a key that did not is undefined, an absent one has its default. */
export type Draft<T = RawConfig> = T extends SecretRef
  ? T
  : T extends readonly (infer Item)[]
    ? (Draft<Item> | undefined)[]
    : T extends object
      ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
      : T;

/**
 * What can be read of a document that may be invalid, so that cross-checks reach the good keys beside a bad one.
 * Tables have no prototype: a name such as "constructor" finds nothing.
 */
export const draftOf = (document: unknown): Draft => salvage(configSchema, document) as Draft;

type Section = "agents" | "groups" | "rooms" | "backends" | "telegram";

/** The named things of a section, as far as each parsed. */
export const sectionOf = <Of extends Section>(
  draft: Draft,
  section: Of,
): [string, NonNullable<NonNullable<Draft[Of]>[string]>][] =>
  Object.entries(draft[section] ?? {}) as [string, NonNullable<NonNullable<Draft[Of]>[string]>][];

/** The names of a section. */
export const namesOf = (section: object | undefined): string[] => Object.keys(section ?? {});

/** The items of a list that parsed, with their places. */
export const itemsOf = <Item>(list: readonly (Item | undefined)[] | undefined): [number, Item][] =>
  [...(list ?? []).entries()].filter((entry): entry is [number, Item] => entry[1] !== undefined);

function salvage(schema: z.core.$ZodType, value: unknown): unknown {
  if (value === undefined) return parsed(schema, value);
  if (schema instanceof z.ZodObject) {
    const shape: z.core.$ZodShape = schema.shape;
    return table(Object.entries(shape).map(([key, field]) => [key, salvage(field, ownValue(value, key))]));
  }
  if (schema instanceof z.ZodRecord) {
    const { valueType } = schema.def;
    return table(entriesOf(value).map(([key, item]) => [key, salvage(valueType, item)]));
  }
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    const { element } = schema.def;
    return value.map((item) => salvage(element, item));
  }
  const inner = unwrapped(schema);
  return inner === schema ? parsed(schema, value) : salvage(inner, value);
}

/** The schema inside optional, default and prefault. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return wrapped ? unwrapped((schema as z.ZodOptional).def.innerType) : schema;
}

function parsed(schema: z.core.$ZodType, value: unknown): unknown {
  const result = safeParse(schema, value);
  return result.success ? result.data : undefined;
}

const table = (entries: [string, unknown][]): Record<string, unknown> => {
  const made = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) made[key] = value;
  return made;
};

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === "object" && value !== null ? Object.entries(value) : [];

/** A property of a parsed document, never an inherited one. */
export const ownValue = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
