/** Bytes of an answer to text. */
import { isUtf8 } from "node:buffer";
import { sniff } from "../media/sniff.ts";

export interface TextBody {
  readonly kind: "html" | "text";
  readonly text: string;
}

/**
 * The text of a body, or undefined where its bytes are none, whatever its content type says. The encoding is told by its byte
 * order mark, the content type, or the page itself, in this order; else it is UTF-8, and windows-1252 where it cannot be.
 */
export function decodeText(body: Uint8Array, contentType: string): TextBody | undefined {
  const mark = byteOrderMark(body);
  if (mark === undefined && !isText(body)) return undefined;
  const head = Buffer.from(body.subarray(0, 1024)).toString("latin1");
  const isHtml = /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(contentType) || looksLikeHtml(contentType, head);
  const declared = charsetOf(contentType) ?? (isHtml ? charsetOf(metaOf(head)) : undefined);
  const text = decoder(mark ?? declared, body).decode(body);
  return { kind: isHtml ? "html" : "text", text };
}

function byteOrderMark([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  return first === 0xff && second === 0xfe ? "utf-16le" : undefined;
}

/** WHATWG MIME Sniffing, section 3: a binary data byte makes it no text. PDF may have none before its first stream. */
function isText(body: Uint8Array): boolean {
  if (sniff(body).kind !== "other" || Buffer.from(body.subarray(0, 5)).toString("latin1") === "%PDF-") return false;
  return !body.some(
    (byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b,
  );
}

const looksLikeHtml = (contentType: string, head: string): boolean =>
  contentType === "" && /^\s*<(!doctype html|html|head|body)\b/i.test(head);

const charsetOf = (text: string): string | undefined => /charset\s*=\s*["']?([\w.:-]{1,40})/i.exec(text)?.[1];

const metaOf = (head: string): string => /<meta\b[^>]*charset[^>]*>/i.exec(head)?.[0] ?? "";

function decoder(label: string | undefined, body: Uint8Array): InstanceType<typeof TextDecoder> {
  try {
    if (label !== undefined) return new TextDecoder(label);
  } catch {
    // A label no browser knows: as if there were none.
  }
  return new TextDecoder(isUtf8(body) ? "utf-8" : "windows-1252");
}
