/**
 * Whether a value stands in what a person wrote: whole, not as a part of something longer. A part is what an attacker
 * finds by chance ("1" in "21", "evil.example" in "notevil.example"), so that what touches it must be blank or a mark
 * that opens or closes a phrase.
 */
export function isNamed(value: string, request: string): boolean {
  const wanted = normal(value);
  // Marks alone are in every text.
  if (!/[\p{L}\p{N}]/u.test(wanted)) return false;
  const text = normal(request);
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1))
    if (standsAlone(text, at, at + wanted.length)) return true;
  return false;
}

/** One space for blanks of any kind, compatible forms as one, case folded. */
const normal = (text: string): string => text.normalize("NFKC").toLowerCase().replaceAll(/\s+/gu, " ").trim();

const opening: ReadonlySet<string> = new Set(`"'\`([{<«»„“‘‚*_#`);
const closing: ReadonlySet<string> = new Set(`"'\`)]}>«»“”’*_.,;:!?。、，；：！？`);

function standsAlone(text: string, from: number, to: number): boolean {
  let before = from - 1;
  while (before >= 0 && opening.has(text[before] ?? "")) before -= 1;
  let after = to;
  while (after < text.length && closing.has(text[after] ?? "")) after += 1;
  return (before < 0 || text[before] === " ") && (after === text.length || text[after] === " ");
}
