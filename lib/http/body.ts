/** Bodies of answers, decoded and limited. */
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { ClawError } from "../errors.ts";

/** What `accept-encoding` asks for. */
export const encodings = "gzip, deflate, br";

/**
 * The bytes of a body. At most `limit` are read, and at most `limit` come out of its compression: past either, ClawError
 * `too_large`, before the rest is read or unpacked.
 */
export async function readBody(body: Readable, encoding: string, limit: number): Promise<Buffer> {
  const decoder = decoderOf(encoding);
  if (decoder === "unknown") {
    discard(body);
    throw new ClawError("bad_request", "Not read: the answer is compressed in a way nobody asked for.");
  }
  const chunks: Buffer[] = [];
  const collect = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of limited(source, limit)) chunks.push(chunk);
  };
  if (decoder) await pipeline(body, (source: AsyncIterable<Buffer>) => limited(source, limit), decoder, collect);
  else await pipeline(body, collect);
  return Buffer.concat(chunks);
}

/** Leaves a body unread. */
export function discard(body: Readable): void {
  body.on("error", () => {});
  body.destroy();
}

async function* limited(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit)
      throw new ClawError("too_large", `Not read: the answer is larger than ${Math.floor(limit / 1024)} KB.`);
    yield chunk;
  }
}

/** RFC 9110, section 8.4.1. One coding; a chain of them is refused, since nothing honest sends one. */
function decoderOf(encoding: string): Transform | "unknown" | undefined {
  switch (encoding.trim().toLowerCase()) {
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      return "unknown";
  }
}
