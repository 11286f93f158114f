import { readFileSync } from "node:fs";
import { ClawError, messageOf } from "../errors.ts";

/**
 * The identities in a file as age-keygen writes it, one a line, for `identityOpener`. Throws ClawError `bad_request` where it
 * cannot be read or holds none that can be used here.
 */
export function readIdentityFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ClawError("bad_request", `the identity file ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (/^(age-encryption\.org\/|-----BEGIN AGE ENCRYPTED FILE-----)/.test(text.trimStart()))
    throw new ClawError(
      "bad_request",
      `${path} is itself encrypted: decrypt it first (age -d ${path} > identity.txt, where only you can read it)`,
    );
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const identities = lines.filter((line) => line.startsWith("AGE-SECRET-KEY-1"));
  if (identities.length > 0) return identities.join("\n");
  const plugin = lines.some((line) => line.startsWith("AGE-PLUGIN-"));
  throw new ClawError(
    "bad_request",
    plugin
      ? `${path} holds the identity of an age plugin, which is not supported: use one that age-keygen makes`
      : `${path} holds no age identity: a line "AGE-SECRET-KEY-1...", as age-keygen writes it`,
  );
}
