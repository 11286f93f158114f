import { hash, timingSafeEqual } from "node:crypto";
import type { Secret } from "./config/secret.ts";

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

/**
 * Whether a presented secret is the expected one, or one of them while it is rotated, in a time that tells neither content nor
 * length nor which (CVE-2026-28475). An empty one would let anybody in who sends none: nothing equals it (CVE-2026-44109).
 */
export function isSecret(presented: string | undefined, ...expected: readonly (Secret | undefined)[]): boolean {
  const shown = digest(presented ?? "");
  let found = false;
  for (const secret of expected) {
    const value = secret?.reveal() ?? "";
    const equal = timingSafeEqual(shown, digest(value));
    found = (equal && value !== "") || found;
  }
  return found;
}
