import type { FileBody } from "../channel/file-body.ts";
import { fileOf } from "../channel/file-body.ts";
import { imageSize } from "../media/image-size.ts";
import type { MatrixClient } from "./client.ts";
import { encryptFile } from "./encrypted-file.ts";

/** A file as the outbox keeps it for Matrix. */
export interface MatrixFileBody extends FileBody {
  readonly "m.relates_to"?: object;
}

/**
 * Uploads a file and makes the content that shows it; throws MatrixError. Encrypted, the homeserver learns neither its name
 * nor its type. Every call uploads anew: a repeated send leaves a file behind that no message names.
 */
export async function fileContent(
  client: Pick<MatrixClient, "upload">,
  user: string,
  body: MatrixFileBody,
  encrypted: boolean,
  signal?: AbortSignal,
): Promise<object> {
  const { name, mime, bytes, caption } = fileOf(body);
  const source = encrypted ? await uploadSealed(client, user, bytes, signal) : undefined;
  const size = imageSize(bytes, mime);
  const related = body["m.relates_to"];
  return {
    msgtype: msgtypeOf(mime),
    // Spec: `body` is the caption where it is not the name.
    body: caption ?? name,
    filename: name,
    info: { mimetype: mime, size: bytes.length, ...(size && { w: size.width, h: size.height }) },
    ...(source ?? { url: await client.upload(user, bytes, { name, type: mime }, signal) }),
    "m.mentions": {},
    ...(related && { "m.relates_to": related }),
  };
}

async function uploadSealed(
  client: Pick<MatrixClient, "upload">,
  user: string,
  plain: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<{ file: object }> {
  const { bytes, fileAt } = encryptFile(plain);
  return { file: fileAt(await client.upload(user, bytes, { type: "application/octet-stream" }, signal)) };
}

function msgtypeOf(mime: string): "m.image" | "m.audio" | "m.video" | "m.file" {
  if (mime.startsWith("image/")) return "m.image";
  if (mime.startsWith("audio/")) return "m.audio";
  return mime.startsWith("video/") ? "m.video" : "m.file";
}
