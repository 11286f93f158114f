/** What both APIs need when our messages become theirs. */
import type { ImagePart, ToolCall } from "../agent/model.ts";

/** Stands in the text for images a backend does not take. */
export const imagesLeftOut = "[An image was sent here; this model cannot see images.]";

/** An image as a data URL (RFC 2397). */
export const dataUrl = (image: ImagePart): string =>
  `data:${image.mime};base64,${Buffer.from(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength).toString("base64")}`;

/** A name as servers accept it: a name the model invented would otherwise have the whole request refused. */
export const wireName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "_";

/** Arguments as servers accept them: chat templates parse those of earlier calls and fail on invalid JSON. */
export function wireArguments(call: ToolCall): string {
  try {
    const value: unknown = JSON.parse(call.arguments);
    if (typeof value === "object" && value !== null) return call.arguments;
  } catch {
    // Not JSON: shown to the model as what it was.
  }
  return JSON.stringify({ invalid_arguments: call.arguments });
}

/** No call has so many tokens, nor costs so much: sums of these fit in every column. */
const mostTokens = 1e9;
const mostMoney = 1e6;

/** A token count of the wire, whole, or undefined where it is none. */
export const asCount = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 0 && value <= mostTokens ? Math.ceil(value) : undefined;

/** A sum of money of the wire, or undefined where it is none. */
export const asAmount = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 0 && value <= mostMoney ? value : undefined;

/** A non-empty string of the wire. */
export const asString = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const longestFact = 255;

/** An id or a word of the wire for the journal's columns: these take no NUL and no half character, and indexes nothing long. */
export const asFact = (value: unknown): string | undefined =>
  asString(columnText(value).slice(0, longestFact).toWellFormed());

/** An id of a tool call, which some servers make long: they are given it back. */
export const asCallId = (value: unknown): string => columnText(value);

const columnText = (value: unknown): string =>
  typeof value === "string" ? value.toWellFormed().replaceAll(/\p{Cc}/gu, "") : "";
