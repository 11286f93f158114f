/**
 * IndexedDB keys and values as text that outlives a version of Node: JSON, with bytes and undefined tagged. What it cannot
 * give back exactly is refused, so that an upgrade of the crypto store that stores something new is noticed at once.
 */
import { ClawError } from "../../errors.ts";

/** Encodes null, booleans, finite numbers, strings, undefined, Uint8Array, and arrays and plain objects of these. */
export const encode = (value: unknown): string => JSON.stringify(tagged(value));

/** What `encode` was given. */
export const decode = (text: string): unknown => untagged(JSON.parse(text));

function tagged(value: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return value;
  if (value === undefined) return { $undefined: true };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(tagged);
  if (isPlain(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        if (key.startsWith("$")) throw refusal(`the key ${key}`);
        return [key, tagged(item)];
      }),
    );
  throw refusal(typeof value === "object" ? `a ${Object.prototype.toString.call(value)}` : `a ${typeof value}`);
}

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== "object" || value === null) return value;
  if ("$undefined" in value) return undefined;
  if ("$bytes" in value) return new Uint8Array(Buffer.from(String(value.$bytes), "base64"));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, untagged(item)]));
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const refusal = (what: string): ClawError =>
  new ClawError(
    "environment",
    `the crypto store wrote ${what}, which cannot be kept: was matrix-sdk-crypto-wasm upgraded?`,
  );
