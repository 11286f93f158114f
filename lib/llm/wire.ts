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

/** A token count of the wire, or undefined where it is none. */
export const asCount = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;

/** A non-empty string of the wire. */
export const asString = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
