/** What a server says one of its tools is: fingerprinted, and made fit for a model. All of it is a stranger's text. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../config/canonical-json.ts";
import { ClawError, messageOf } from "../errors.ts";
import { deepest, isTooDeep } from "../nesting.ts";
import { cleanText, hasUnseen } from "./text.ts";
import { safeParse } from "../safe-parse.ts";

/** A tool as its server gives it, as far as it is looked at. */
export interface Shape {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** SHA-256 (hex) of all that a pin holds fast. A schema that is too deep has none and equals no pin: `offerOf` refuses to pin it. */
export const shapeHash = ({ name, description, inputSchema }: Shape): string =>
  isTooDeep(inputSchema)
    ? "nested too deeply"
    : createHash("sha256").update(canonicalJson({ name, description, inputSchema })).digest("hex");

/** A tool as a model is offered it, and the check of what the model answers with. */
export interface Offer {
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly input: z.ZodObject;
}

const descriptionLimit = 1_024;
const noteLimit = 300;
const schemaLimit = 16_384;

/** Makes the offer of a pinned shape. Throws ClawError `bad_request` that says what of its schema cannot be used. */
export function offerOf({ description, inputSchema }: Shape): Offer {
  const unusable = (what: string): ClawError => new ClawError("bad_request", `its input schema ${what}`);
  if (isTooDeep(inputSchema)) throw unusable(`is nested more than ${deepest} levels deep`);
  const { length } = JSON.stringify(inputSchema);
  if (length > schemaLimit) throw unusable(`has ${length} characters; ${schemaLimit} at most`);
  if (inputSchema["type"] !== "object") throw unusable("is not that of an object");
  const { shown, checked } = prepared(inputSchema, unusable);
  const { $schema: _, ...parameters } = shown;
  const { $schema: __, ...checkable } = checked;
  let schema: z.ZodType;
  try {
    // By where its definitions are, whatever dialect it says it is: generators mix them.
    const defaultTarget = Object.hasOwn(checkable, "definitions") ? "draft-7" : "draft-2020-12";
    schema = z.fromJSONSchema(checkable, { defaultTarget });
  } catch (thrown) {
    throw unusable(`cannot be checked: ${cleanText(messageOf(thrown), 200)}`);
  }
  return {
    description: cleanText(description, descriptionLimit) || "(no description)",
    parameters,
    // What was decided on is what is sent: checked as it is, without defaults filled in.
    input: z.looseObject({}).superRefine((value, context) => {
      for (const { path, message } of issuesOf(schema, value)) context.addIssue({ code: "custom", path, message });
    }),
  };
}

function issuesOf(schema: z.ZodType, value: unknown): { path: PropertyKey[]; message: string }[] {
  try {
    return safeParse(schema, value).error?.issues ?? [];
  } catch {
    // A schema that refers to itself without end.
    return [{ path: [], message: "the tool's schema cannot be applied" }];
  }
}

interface Prepared {
  /** For the model: notes without what nobody sees. */
  readonly shown: Record<string, unknown>;
  /** For the check: without patterns, since a stranger's regular expression may run for ever. The server has them still. */
  readonly checked: Record<string, unknown>;
}

/** Words for the reader: cleaned. Anything else that holds unseen characters is refused, since it cannot be changed. */
const notes = new Set(["title", "description", "$comment"]);
/** Keys under which names are the author's own, not keywords. */
const tables = new Set(["properties", "$defs", "definitions"]);

function prepared(schema: Readonly<Record<string, unknown>>, unusable: (what: string) => ClawError): Prepared {
  const walk = (value: unknown, named: boolean): { shown: unknown; checked: unknown } => {
    if (typeof value === "string") {
      if (hasUnseen(value)) throw unusable("has characters that nobody sees outside its descriptions");
      return { shown: value, checked: value };
    }
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => walk(item, false));
      return { shown: items.map(({ shown }) => shown), checked: items.map(({ checked }) => checked) };
    }
    if (typeof value !== "object" || value === null) return { shown: value, checked: value };
    const both: Prepared = { shown: {}, checked: {} };
    for (const [key, item] of Object.entries(value)) {
      if (key === "__proto__") throw unusable('has a key named "__proto__"');
      if (hasUnseen(key)) throw unusable("has characters that nobody sees in a name");
      if (!named && key === "patternProperties") throw unusable("uses patternProperties");
      if (!named && notes.has(key) && typeof item === "string") {
        both.shown[key] = cleanText(item, noteLimit);
        continue;
      }
      const { shown, checked } = walk(item, !named && tables.has(key));
      both.shown[key] = shown;
      if (named || key !== "pattern") both.checked[key] = checked;
    }
    return { ...both };
  };
  return walk(schema, false) as Prepared;
}
