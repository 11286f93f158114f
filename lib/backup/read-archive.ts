/** Reads an archive entry by entry, in bounded memory, and holds it against what it says of itself. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { createTarDecoder } from "modern-tar";
import { ClawError, messageOf } from "../errors.ts";
import {
  type Contents,
  contentsShape,
  entryNames,
  formatVersion,
  isSigned,
  type Manifest,
  manifestShape,
  signatureShape,
} from "./format.ts";

/** An archive and what opens it. */
export interface SealedArchive {
  /** The path of the file. */
  readonly file: string;
  /** age identities, one a line. */
  readonly identity: string;
}

/** One entry. Its bytes are read before the next one is asked for. */
export interface ArchiveEntry {
  readonly name: string;
  readonly mode: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** An archive that is whole. */
export interface VerifiedArchive {
  readonly manifest: Manifest;
  readonly contents: Contents;
  /** Whose it is: 32 bytes in base64url. */
  readonly publicKey: string;
}

/** All entries in order. Throws ClawError `bad_request` where the file cannot be opened, is cut off or was changed. */
export async function* archiveEntries({ file, identity }: SealedArchive): AsyncGenerator<ArchiveEntry> {
  const source = createReadStream(file);
  try {
    const clear = await decrypted(file, identity, source);
    const entries = clear
      .pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>)
      .pipeThrough(createTarDecoder({ strict: true }));
    for await (const { header, body } of entries) {
      if (header.type !== "file") throw new Error(`${header.name} is no file`);
      yield { name: header.name, mode: header.mode ?? 0o600, bytes: body };
    }
  } catch (thrown) {
    if (thrown instanceof ClawError) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    throw new ClawError(
      "bad_request",
      code === "ENOENT" || code === "EACCES" || code === "EISDIR"
        ? `${file} cannot be read (${code})`
        : `${file} is damaged or cut off (${messageOf(thrown)}): take another backup`,
      { cause: thrown },
    );
  } finally {
    source.destroy();
  }
}

/**
 * Reads all of it and compares every entry with its digest; nothing is kept or written. Throws ClawError `bad_request` where
 * anything is wrong, or it was signed by another key than `key` (32 bytes in base64url).
 */
export async function verifyArchive(archive: SealedArchive, key?: string): Promise<VerifiedArchive> {
  const { file } = archive;
  const found: Contents["entries"] = [];
  const kept = new Map<string, Buffer>();
  for await (const { name, bytes } of archiveEntries(archive)) {
    const digest = createHash("sha256");
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of bytes) {
      digest.update(chunk);
      size += chunk.length;
      if (isOurs(name)) parts.push(chunk);
    }
    if (isOurs(name)) kept.set(name, Buffer.concat(parts));
    if (found.length === 0) checkFormat(file, kept.get(entryNames.manifest));
    found.push({ name, size, sha256: digest.digest("hex") });
  }
  const manifest = parse(file, kept, entryNames.manifest, manifestShape);
  const contents = parse(file, kept, entryNames.contents, contentsShape);
  const signature = parse(file, kept, entryNames.signature, signatureShape);
  const [last, beforeLast] = [found.pop(), found.pop()];
  if (last?.name !== entryNames.signature || beforeLast?.name !== entryNames.contents) throw damaged(file, "its end");
  for (const [at, { name, size, sha256 }] of contents.entries.entries()) {
    const entry = found[at];
    if (entry?.name !== name || entry.size !== size || entry.sha256 !== sha256) throw damaged(file, name);
  }
  if (found.length !== contents.entries.length) throw damaged(file, "the number of its entries");
  if (!isSigned(kept.get(entryNames.contents) ?? Buffer.alloc(0), signature)) throw damaged(file, "its signature");
  if (key !== undefined && signature.publicKey !== key)
    throw new ClawError(
      "bad_request",
      `${file} is signed by ${signature.publicKey}, not by the key given: it is another gateway's, or somebody else has made it`,
    );
  return { manifest, contents, publicKey: signature.publicKey };
}

const isOurs = (name: string): boolean =>
  name === entryNames.manifest || name === entryNames.contents || name === entryNames.signature;

const damaged = (file: string, what: string): ClawError =>
  new ClawError("bad_request", `${file} is not whole: ${what} is not as it was written. Take another backup`);

function parse<Shape>(
  file: string,
  kept: ReadonlyMap<string, Buffer>,
  name: string,
  shape: { parse(value: unknown): Shape },
): Shape {
  const bytes = kept.get(name);
  if (!bytes) throw damaged(file, name);
  try {
    return shape.parse(JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw new ClawError("bad_request", `${file}: its ${name} is not of this format: is it a backup by claw?`, {
      cause,
    });
  }
}

/** Before all else: of a later format nothing else can be said. */
function checkFormat(file: string, manifest: Buffer | undefined): void {
  const { format } = JSON.parse(manifest?.toString("utf8") ?? "{}") as { format?: unknown };
  if (typeof format === "number" && format > formatVersion)
    throw new ClawError(
      "bad_request",
      `${file} is of format ${format}, and this version knows ${formatVersion}: restore it with the version that made it, or a later one`,
    );
}

async function decrypted(file: string, identity: string, source: Readable): Promise<ReadableStream<Uint8Array>> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  try {
    for (const each of identity.split("\n")) decrypter.addIdentity(each);
  } catch {
    // The cause could hold the secret.
    throw new ClawError("bad_request", "age does not know this identity: is the line whole, AGE-SECRET-KEY-1…?");
  }
  try {
    return await decrypter.decrypt(Readable.toWeb(source) as unknown as ReadableStream<Uint8Array>);
  } catch (thrown) {
    if (!/no identity matched/i.test(messageOf(thrown))) throw thrown;
    throw new ClawError(
      "bad_request",
      `${file} was encrypted for others than this identity: give that of its recipient`,
    );
  }
}
