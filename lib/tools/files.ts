/** files_send: a file with the answer, into the chat the person wrote from. */
import { z } from "zod";
import { ClawError } from "../errors.ts";
import { defineTool, type Tool } from "./define.ts";

// Refined, not by a pattern: local servers build a grammar of the schema and take no Unicode classes in it.
const name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .refine((text) => !/[/\\\p{Cc}\p{Bidi_Control}]/u.test(text) && text.isWellFormed() && !/^\.+$/.test(text), {
    error: "must be a plain file name, without / and \\ and control characters",
  })
  .describe("File name with extension");

/** The tool. `maxKb` is read at each call: config may change. */
export const filesTool = (maxKb: () => number): Tool =>
  defineTool({
    name: "files_send",
    description: "Sends the person a file (a config, a CSV, a picture) in this chat; it arrives before your answer.",
    input: z.strictObject({
      name,
      content: z.string().min(1),
      encoding: z.enum(["text", "base64"]).default("text").describe("How content is written; base64 for binary files"),
      caption: z.string().trim().min(1).max(1000).optional().describe("Plain text shown with the file"),
    }),
    // Not egress: it goes only where the answer goes, which can say the same in words.
    labels: ["act"],
    effect: "keyed",
    timeoutMs: 10_000,
    outputLimit: 500,
    async run({ name, content, encoding, caption }, { sendFile, callKey }) {
      const bytes = encoding === "text" ? Buffer.from(content, "utf8") : fromBase64(content);
      const limit = maxKb();
      if (bytes.length > limit * 1024)
        throw new ClawError(
          "too_large",
          `The file has ${kilobytes(bytes)} KB and was not sent; ${limit} KB is the most. Send less of it, or in parts.`,
        );
      await sendFile({ key: callKey, name, bytes, ...(caption !== undefined && { caption }) });
      return `${name} (${kilobytes(bytes)} KB) is on its way and arrives before your answer.`;
    },
  });

const kilobytes = (bytes: Uint8Array): number => Math.ceil(bytes.length / 1024);

/** Standard base64, line breaks allowed: Buffer would skip what it does not know, and a broken file would be sent. */
function fromBase64(content: string): Buffer {
  const text = content.replaceAll(/\s/g, "");
  const wrong = (fix: string): ClawError =>
    new ClawError("bad_request", `The content is no base64 and was not sent; ${fix}`);
  if (text.startsWith("data:")) throw wrong('leave out what is before "base64,", and that itself.');
  const [bad] = /[^A-Za-z0-9+/=]/.exec(text) ?? [];
  if (bad !== undefined) throw wrong(`it must not have "${bad}" in it. For plain text use encoding "text".`);
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.toString("base64").replace(/=+$/, "") !== text.replace(/=+$/, ""))
    throw wrong("it is cut off or padded in the middle. Send it whole.");
  return bytes;
}
