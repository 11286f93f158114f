import { hash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../config/secret.ts";

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

/** Whether a presented secret is the expected one, in a time that tells neither content nor length. Never fails open. */
export function isSecret(presented: string | undefined, expected: Secret): boolean {
  const value = expected.reveal();
  const equal = timingSafeEqual(digest(presented ?? ""), digest(value));
  return equal && value !== "";
}
