import { inertName, inertText } from "./inert.ts";
import type { LinkPolicy } from "./links.ts";
import type { OutboundFile } from "./types.ts";

/** A file as the outbox keeps it (sealed); a channel puts how it hangs on what it answers beside these. */
export interface FileBody {
  readonly kind: "file";
  readonly name: string;
  readonly mime: string;
  /** In base64. */
  readonly bytes: string;
  readonly caption?: string;
}

/** A file made ready for the outbox; its name and caption have no links but those allowed. */
export const toFileBody = ({ name, mime, bytes, caption }: OutboundFile, links?: LinkPolicy): FileBody => ({
  kind: "file",
  name: links ? inertName(name, links) : name,
  mime,
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
  ...(caption !== undefined && { caption: links ? inertText(caption, links) : caption }),
});

/** Whether a stored body is a file's. */
export const isFileBody = (body: unknown): body is FileBody =>
  typeof body === "object" && body !== null && "kind" in body && body.kind === "file";

/** The file a stored body holds. */
export const fileOf = ({ name, mime, bytes, caption }: FileBody): OutboundFile => ({
  name,
  mime,
  bytes: Buffer.from(bytes, "base64"),
  ...(caption !== undefined && { caption }),
});
