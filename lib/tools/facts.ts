/** What config is told of a tool: its labels and the arguments its schema knows. */
import { z } from "zod";
import type { ToolFacts } from "../config/tool-facts.ts";
import type { Tool } from "./define.ts";

/** The facts of a tool by its definition. */
export const factsOf = ({ name, labels, input, bounded, service, asks }: Tool): ToolFacts => ({
  name,
  labels,
  ...(bounded && { bounded }),
  ...(service && { service }),
  ...(asks && { asks }),
  arguments: argumentPaths(z.toJSONSchema(input, { io: "input", unrepresentable: "any" })),
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly type?: string;
}

/** The arguments of a JSON Schema by dotted path, lists left out; `path.*` where anything may stand below. */
export function argumentPaths(schema: object, prefix = ""): string[] {
  const { properties, additionalProperties, items, type, anyOf = [], oneOf = [], allOf = [] }: Schema = schema;
  const named = Object.entries(properties ?? {}).flatMap(([name, inner]) => [
    prefix + name,
    ...argumentPaths(inner, `${prefix}${name}.`),
  ]);
  const parts = [...anyOf, ...oneOf, ...allOf, ...(typeof items === "object" ? [items] : [])];
  const describesObject = type === "object" || properties !== undefined;
  const anything =
    type === undefined && properties === undefined && parts.length === 0 && !("enum" in schema || "const" in schema);
  const open = anything || (describesObject && additionalProperties !== false);
  return [
    ...new Set([...named, ...parts.flatMap((part) => argumentPaths(part, prefix)), ...(open ? [`${prefix}*`] : [])]),
  ];
}
