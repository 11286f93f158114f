import { ClawError } from "../errors.ts";

/** A file on a homeserver. */
export interface MediaRef {
  readonly server: string;
  readonly mediaId: string;
}

// Spec: "Matrix Content (mxc://) URIs": a server name and an opaque id of these letters only, so that neither can
// lead a request elsewhere (CVE-2026-28467, CVE-2026-44996).
const shape =
  /^mxc:\/\/([A-Za-z0-9.\-]{1,230}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?)\/([A-Za-z0-9_-]{1,255})$/;

/** The parts of an mxc:// URI, or undefined where it is anything else. */
export function parseMxc(uri: string): MediaRef | undefined {
  const [, server, mediaId] = shape.exec(uri) ?? [];
  return server === undefined || mediaId === undefined || server === ".." || server === "."
    ? undefined
    : { server, mediaId };
}

/** The parts of an mxc:// URI; throws ClawError `bad_request` where it is anything else. */
export function requireMxc(uri: string): MediaRef {
  const ref = parseMxc(uri);
  if (!ref)
    throw new ClawError("bad_request", "an attachment must be an mxc:// URI", { say: "I cannot open that file." });
  return ref;
}
