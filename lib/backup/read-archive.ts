/** Reads an archive entry by entry, in bounded memory, and holds it against what it says of itself. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { z } from "zod";
import { ClawError, messageOf } from "../errors.ts";
import { oneLine } from "../one-line.ts";
import {
  type Contents,
  contentsShape,
  entryNames,
  formatVersion,
  isSigned,
  listing,
  type Manifest,
  manifestShape,
  mostBytes,
  rowsListing,
  signatureShape,
} from "./format.ts";
import { type TarEntry, tarEntries } from "./tar-entries.ts";

/** An archive and what opens it. */
export interface SealedArchive {
  /** The path of the file. */
  readonly file: string;
  /** age identities, one a line. */
  readonly identity: string;
}

/** The most bytes of age's header: some 2000 recipients, or 150 that are safe from quantum computers. */
const longestHeader = 256 * 1024;

/** An archive that is whole. */
export interface VerifiedArchive {
  readonly manifest: Manifest;
  readonly contents: Contents;
  /** Whose it is: 32 bytes in base64url. */
  readonly publicKey: string;
}

/** All entries in order. Throws ClawError `bad_request` where the file cannot be opened, is cut off or was changed. */
export async function* archiveEntries({ file, identity }: SealedArchive): AsyncGenerator<TarEntry> {
  const source = createReadStream(file);
  try {
    const clear = await decrypted(file, identity, source);
    yield* tarEntries(clear.pipeThrough(new DecompressionStream("gzip")));
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
  let manifest: Manifest | undefined;
  let listed = rowsListing;
  for await (const { name, size, bytes } of archiveEntries(archive)) {
    if (found.length === 0 && name !== entryNames.manifest) throw foreign(file, "does not begin with a manifest.json");
    if (kept.has(name) || size > mostOf(name, listed)) throw foreign(file, `has a ${name} too many, or too large`);
    const digest = createHash("sha256");
    const parts: Uint8Array[] = [];
    for await (const chunk of digested(bytes, digest)) if (isOurs(name)) parts.push(chunk);
    if (isOurs(name)) kept.set(name, Buffer.concat(parts));
    manifest ??= readManifest(file, kept);
    found.push({ name, size, sha256: digest.digest("hex") });
    listed += listing(name);
    if (listed > mostBytes.contents) throw foreign(file, "has too many entries");
  }
  if (manifest === undefined) throw damaged(file, entryNames.manifest);
  const contents = parse(file, kept, entryNames.contents, contentsShape);
  const signature = parse(file, kept, entryNames.signature, signatureShape);
  const [last, beforeLast] = [found.pop(), found.pop()];
  if (last?.name !== entryNames.signature || beforeLast?.name !== entryNames.contents) throw damaged(file, "its end");
  for (const [at, { name, size, sha256 }] of contents.entries.entries()) {
    const entry = found[at];
    if (entry?.name !== name || entry.size !== size || entry.sha256 !== sha256) throw damaged(file, oneLine(name, 200));
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

/** The same bytes, each of which the digest has had. */
export async function* digested(bytes: AsyncIterable<Uint8Array>, digest: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    digest.update(chunk);
    yield chunk;
  }
}

/** What says what the archive is. Its contents are no more than the list of what came before. */
const mostOf = (name: string, listed: number): number => {
  if (name === entryNames.manifest) return mostBytes.manifest;
  if (name === entryNames.contents) return listed;
  return name === entryNames.signature ? mostBytes.signature : Number.POSITIVE_INFINITY;
};

const isOurs = (name: string): boolean =>
  name === entryNames.manifest || name === entryNames.contents || name === entryNames.signature;

const foreign = (file: string, what: string): ClawError =>
  new ClawError("bad_request", `${file} ${what}: it is no backup by claw`);

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

/** Of a later format nothing else can be said. */
function readManifest(file: string, kept: ReadonlyMap<string, Buffer>): Manifest {
  const { format } = parse(file, kept, entryNames.manifest, z.looseObject({ format: z.int() }));
  if (format > formatVersion)
    throw new ClawError(
      "bad_request",
      `${file} is of format ${format}, and this version knows ${formatVersion}: restore it with the version that made it, or a later one`,
    );
  return parse(file, kept, entryNames.manifest, manifestShape);
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
    return await decrypter.decrypt(
      Readable.toWeb(Readable.from(withHeader(source))) as unknown as ReadableStream<Uint8Array>,
    );
  } catch (thrown) {
    if (!/no identity matched/i.test(messageOf(thrown))) throw thrown;
    throw new ClawError(
      "bad_request",
      `${file} was encrypted for others than this identity: give that of its recipient`,
    );
  }
}

/** age reads its header whole before it looks at it; so one without an end is not given to it. */
async function* withHeader(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head !== undefined) {
      head = Buffer.concat([head, chunk]);
      if (/\n---[^\n]*\n/.test(head.toString("latin1", 0, longestHeader))) head = undefined;
      else if (head.length > longestHeader) throw new Error("it does not begin as a file of age does");
    }
    yield chunk;
  }
}
