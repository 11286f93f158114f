/** What is in a backup: a tar file, compressed by gzip, encrypted by age. Other tools open it: `age -d -i key.txt FILE | tar tz`. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import { publicKeyOf } from "../audit/checkpoint.ts";

/** The layout below; a reader refuses a later one. */
export const formatVersion = 1;

/** Names of entries. `manifest` is the first, `contents` and `signature` are the last two. */
export const entryNames = {
  manifest: "manifest.json",
  contents: "contents.json",
  signature: "signature.json",
  /** Files beside openclaw.toml, by their paths from there. */
  config: "config/",
  /** Files that the config names elsewhere: on the next machine they belong where the manifest says. */
  elsewhere: "elsewhere/",
  tables: "tables/",
} as const;

/**
 * The most bytes of what says what an archive is: a reader holds them before it knows whose they are, so it reads no more, and a
 * writer makes no more. 32 MiB of contents.json are the parts of some 400 GB.
 */
export const mostBytes = { manifest: 1024 * 1024, contents: 32 * 1024 * 1024, signature: 4096 } as const;

/** The most bytes of contents.json for the rows of all tables. */
export const rowsListing = 16 * 1024;

/** The most bytes of contents.json for an entry: its digest and its size, and its name, of which JSON makes six bytes of one at worst. */
export const listing = (name: string): number => 128 + 6 * Buffer.byteLength(name);

/** What the archive is; told before anything of it. */
export const manifestShape = z.strictObject({
  format: z.literal(formatVersion),
  /** Of the package that made it. It is printed before anybody knows whose words these are, so it is a word. */
  version: z.string().regex(/^[\w.+-]{1,64}$/),
  createdAt: z.iso.datetime(),
  /** The last one that the database had. */
  migration: z.strictObject({ tag: z.string().regex(/^\w{1,64}$/), when: z.int() }),
  /** Whether a gateway worked meanwhile, and so may have gone on afterwards. */
  gateway: z.enum(["running", "stopped"]),
  /** Of the server. */
  postgres: z.string(),
  /** The newest checkpoint of the audit trail: its number, and its hash in base64url. */
  checkpoint: z.strictObject({ number: z.int(), hash: z.string() }).nullable(),
  /** Whether the secrets that the config names are in it. */
  secrets: z.boolean(),
  /** Where the entries under `elsewhere/` were. */
  elsewhere: z.record(z.string(), z.string()),
  /** The columns of each table, in the order of its COPY entries (text format). */
  tables: z.record(z.string(), z.array(z.string())),
  /** The next numbers of identity columns, by `table.column`. */
  sequences: z.record(z.string(), z.int().positive()),
});

export type Manifest = z.infer<typeof manifestShape>;

/** Every entry before it, in order, and the rows of each table: what a whole archive has. */
export const contentsShape = z.strictObject({
  entries: z.array(z.strictObject({ name: z.string(), size: z.int(), sha256: z.string() })),
  rows: z.record(z.string(), z.int()),
});

export type Contents = z.infer<typeof contentsShape>;

/** Whose backup it is: age says who can read it, and nothing of who wrote it. */
export const signatureShape = z.strictObject({
  /** 32 bytes in base64url: the key that signs the checkpoints of the audit trail. */
  publicKey: z.base64url(),
  /** Ed25519 over `signedText(contents.json)`, in base64url. */
  signature: z.base64url(),
});

export type Signature = z.infer<typeof signatureShape>;

const signedText = (contents: Uint8Array): Buffer =>
  Buffer.from(`openclaw backup ${formatVersion} ${createHash("sha256").update(contents).digest("hex")}`);

/** Signs the bytes of contents.json, which has the digest of everything. */
export const signContents = (contents: Uint8Array, key: KeyObject): Signature => ({
  publicKey: publicKeyOf(key).toString("base64url"),
  signature: sign(null, signedText(contents), key).toString("base64url"),
});

/** Whether a signature is of these bytes and of the key that it names. */
export function isSigned(contents: Uint8Array, { publicKey, signature }: Signature): boolean {
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
    return verify(null, signedText(contents), key, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

/** `tables/journal/00001.copy`: a part of a table's rows. */
export const tableEntry = (table: string, part: number): string =>
  `${entryNames.tables}${table}/${String(part).padStart(5, "0")}.copy`;

/** The table of such a name; undefined: it is another entry. */
export const tableOf = (name: string): string | undefined => /^tables\/([a-z_]+)\/\d+\.copy$/.exec(name)?.[1];
