import { hash, timingSafeEqual } from "node:crypto";
import type { Secret } from "./config/secret.ts";

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

/**
 * Whether a presented secret is the expected one, in a time that tells neither content nor length (CVE-2026-28475). An
 * empty one would let anybody in who sends none: nothing equals it (CVE-2026-44109).
 */
export function isSecret(presented: string | undefined, expected: Secret): boolean {
  const value = expected.reveal();
  const equal = timingSafeEqual(digest(presented ?? ""), digest(value));
  return equal && value !== "";
}
