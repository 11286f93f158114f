/** Writes an archive as it is made: packed, compressed and encrypted in memory; in the clear nothing of it is written anywhere. */
import { createHash, type KeyObject } from "node:crypto";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createTarPacker, type TarPackController } from "modern-tar";
import { ClawError } from "../errors.ts";
import { type Contents, entryNames, listing, mostBytes, rowsListing, signContents } from "./format.ts";

/** Adds entries, one after the other. */
export interface ArchiveWriter {
  add(name: string, bytes: Uint8Array, options?: { readonly mode?: number; readonly at?: Date }): Promise<void>;
}

/** What was written. */
export interface WrittenArchive {
  /** Bytes of the encrypted file. */
  readonly size: number;
  readonly contents: Contents;
}

/**
 * Has `fill` add the entries, ends the archive with their digests and a signature by `key`, and resolves when `sink` has
 * everything. `fill` returns the rows of each table. Throws ClawError `bad_request` where age refuses a recipient.
 */
export async function writeArchive(
  sink: Writable,
  { recipients, key }: { readonly recipients: readonly string[]; readonly key: KeyObject },
  fill: (archive: ArchiveWriter) => Promise<Contents["rows"]>,
): Promise<WrittenArchive> {
  const { readable, controller } = createTarPacker();
  const entries: Contents["entries"] = [];
  let listed = rowsListing;
  const add: ArchiveWriter["add"] = async (name, bytes, options) => {
    listed += listing(name);
    if (listed > mostBytes.contents || (name === entryNames.manifest && bytes.length > mostBytes.manifest))
      throw new ClawError(
        "environment",
        "this is more than a backup by claw can hold: use pg_dump and keep the config",
      );
    await pack(controller, name, bytes, options);
    entries.push({ name, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
  };
  const encrypter = await encrypterFor(recipients);
  const sealed = await encrypter.encrypt(readable.pipeThrough(new CompressionStream("gzip")));
  let size = 0;
  const written = pipeline(
    Readable.fromWeb(sealed as never),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        size += chunk.length;
        yield chunk;
      }
    },
    sink,
  );
  const filled = (async () => {
    try {
      const contents: Contents = { rows: await fill({ add }), entries };
      const text = Buffer.from(`${JSON.stringify(contents)}\n`);
      await pack(controller, entryNames.contents, text);
      const signature = signContents(text, key);
      await pack(controller, entryNames.signature, Buffer.from(`${JSON.stringify(signature)}\n`));
      controller.finalize();
      return contents;
    } catch (thrown) {
      controller.error(thrown);
      throw thrown;
    }
  })();
  // Both: what reads the database must have ended before its connection is closed.
  const [contents, ended] = await Promise.allSettled([filled, written]);
  // A full disk ends the filling too, which then says nothing of the disk.
  if (ended.status === "rejected" && contents.status === "rejected" && isOfFile(ended.reason)) throw ended.reason;
  if (contents.status === "rejected") throw contents.reason;
  if (ended.status === "rejected") throw ended.reason;
  return { size, contents: contents.value };
}

const isOfFile = (thrown: unknown): boolean => typeof (thrown as NodeJS.ErrnoException).syscall === "string";

async function pack(
  controller: TarPackController,
  name: string,
  bytes: Uint8Array,
  { mode = 0o600, at = new Date() }: { readonly mode?: number; readonly at?: Date } = {},
): Promise<void> {
  const writer = controller.add({ name, size: bytes.length, mode, mtime: at }).getWriter();
  // Both are waited for: the second fails with the first, and unheard that would end the process.
  const done = [bytes.length === 0 ? Promise.resolve() : writer.write(bytes), writer.close()];
  await Promise.all(done);
}

async function encrypterFor(recipients: readonly string[]) {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients)
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw new ClawError(
        "bad_request",
        `age refuses the recipient "${recipient}": give a public key, "age1...", as age-keygen printed it`,
        { cause },
      );
    }
  return encrypter;
}
