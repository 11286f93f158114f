/** A file of a form. */
export interface FormFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The fields of a multipart/form-data body (RFC 7578), as grammY writes them; files by the name of their part. */
export function parseForm(body: Buffer, contentType: string): Map<string, string | FormFile> {
  const [, boundary] = /boundary=([^;]+)/.exec(contentType) ?? [];
  if (boundary === undefined) throw new Error("a form without a boundary");
  const fields = new Map<string, string | FormFile>();
  // One byte a character, so that what is found by text can be cut by bytes.
  const text = body.toString("latin1");
  const parts = `\r\n${text}`.split(`\r\n--${boundary}`).slice(1, -1);
  for (const part of parts) {
    const end = part.indexOf("\r\n\r\n");
    const head = Buffer.from(part.slice(0, end), "latin1").toString();
    const content = Buffer.from(part.slice(end + 4), "latin1");
    const [, field] = /\bname="([^"]*)"/.exec(head) ?? [];
    if (field === undefined) throw new Error("a part without a name");
    const [, name] = /;\s*filename="([^"]*)"/.exec(head) ?? [];
    fields.set(field, name === undefined ? content.toString() : { name, bytes: content });
  }
  return fields;
}

/** A form as the payload of a Bot API method: numbers and objects as such, `attach://` replaced by the file it names. */
export function payloadOf(fields: ReadonlyMap<string, string | FormFile>): Record<string, unknown> {
  const payload: Record<string, unknown> = {};
  for (const [field, value] of fields) {
    if (typeof value !== "string") continue;
    const attached = value.startsWith("attach://") ? fields.get(value.slice("attach://".length)) : undefined;
    const isJson = field !== "caption" && field !== "text" && /^(-?\d+|true|false|[[{].*)$/s.test(value);
    payload[field] = attached ?? (isJson ? (JSON.parse(value) as unknown) : value);
  }
  return payload;
}
