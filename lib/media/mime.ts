import { isUtf8 } from "node:buffer";
import { sniff } from "./sniff.ts";

/**
 * The media type a file is sent under: what its bytes are, `text/plain` for other text, else bytes. HTML and SVG are text:
 * no client opens in a browser what an agent wrote.
 */
export function mimeOf(bytes: Uint8Array): string {
  const { kind, mime } = sniff(bytes);
  if (kind !== "other") return mime;
  return isUtf8(bytes) && !bytes.includes(0) ? "text/plain" : mime;
}
