/**
 * Links made inert: what a client or server would make a link of by itself is found, and written so that none does. Clients
 * differ in what they find, so that more is found here than in any of them; what is found too much is only shown as code.
 */
import type { LinkPolicy } from "./links.ts";

/** A stretch of a text that may be taken for a link. */
export interface Found {
  /** UTF-16 units of the text that was searched. */
  readonly start: number;
  readonly end: number;
  /** What it says without invisible characters, wide letters and the like. */
  readonly text: string;
  /** The host it leads to, where the policy lets it and nothing about it is odd. */
  readonly host: string | undefined;
}

const invisible = /\p{Default_Ignorable_Code_Point}/u;

/** The text as a lenient reader takes it; `at[i]` is where its unit `i` came from. */
function plainly(text: string): { plain: string; at: number[] } {
  const at: number[] = [];
  let plain = "";
  let from = 0;
  for (const character of text) {
    const seen = invisible.test(character) ? "" : character.toWellFormed().normalize("NFKC");
    // What only the normal form has as a space divides nothing in the text itself.
    const kept = /\s/u.test(character) ? seen : seen.replaceAll(/\s/gu, "");
    for (let unit = 0; unit < kept.length; unit++) at.push(from);
    plain += kept;
    from += character.length;
  }
  at.push(from);
  return { plain, at };
}

const label = String.raw`(?:(?![<>|])[\p{L}\p{M}\p{N}\p{S}_\-])`;
const schemes =
  "mailto|matrix|tg|ton|tel|sms|smsto|mms|geo|magnet|xmpp|sip|sips|im|irc|ircs|news|nntp|urn|bitcoin|openpgp4fpr|webcal|callto|skype|intent|javascript|data|vbscript|file|mxc|blob|about";

/** Where a link shows itself: an address's `://`, a known scheme, a dot before what may be a domain's end, an id of Matrix. */
const sign = new RegExp(
  [
    String.raw`(?<=[a-z][a-z0-9+.\-]*):[\\/]{2}`,
    String.raw`(?:${schemes}):(?=\S)`,
    String.raw`(?<=${label})\.(?=\p{L}[\p{L}\p{M}])`,
    // The other full stops of domain names; between other letters they end sentences.
    String.raw`(?<=[\p{Script=Latin}\p{N}])。(?=\p{Script=Latin}{2})`,
    String.raw`www\.`,
    String.raw`(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)`,
    String.raw`[#@!][^\s:#@!]{1,255}:(?=[\p{L}\p{N}\[]{2})`,
  ].join("|"),
  "giu",
);

/** A file's name, of one dot, whose ending is no domain's: nothing makes a link of it. */
const fileName =
  /^[a-z0-9_-]+\.(?:csv|tsv|txt|log|pdf|png|jpe?g|gif|webp|svg|json|ya?ml|toml|xml|html?|conf|cfg|ini|tar|gz|docx?|xlsx?|odt|ods|mp3|ogg|wav)$/i;

/** What ends an address. */
const ends = /[\s<>"`'()[\]{}|^«»“”‘’]/u;
/** What may stand before a sign and belong to it. */
const before = /[^\s<>"`'()[\]{}|^«»“”‘’,;*~]/u;
/** Punctuation of the sentence, not of the address; in the middle of a word less of it is. */
const trailing = /[.,;!?*_~…]+$|:$/u;
const trailingWithin = /[,;!?*_~…]+$/u;
const hostPart = new RegExp(`${label}|\\.`, "u");

/** All that may be taken for a link, in order and apart from each other. */
export function findLinks(text: string, links: LinkPolicy): Found[] {
  const { plain, at } = plainly(text);
  const found: Found[] = [];
  let done = 0;
  sign.lastIndex = 0;
  for (let match = sign.exec(plain); match; match = sign.exec(plain)) {
    let start = match.index;
    while (start > done && before.test(plain[start - 1]!)) start--;
    const signed = match.index + match[0].length;
    let end = signed;
    // A bare name ends with its host, unless a path follows.
    const bare = /^[.。\d]/u.test(match[0]);
    if (bare) while (end < plain.length && partOfHost(plain, end)) end++;
    if (!bare || /[:/?#@\\&=%$!+]/.test(plain[end] ?? "")) while (end < plain.length && !ends.test(plain[end]!)) end++;
    const punctuation = /^\s|^$/u.test(plain.slice(end, end + 1)) ? trailing : trailingWithin;
    end = Math.max(signed, start + plain.slice(start, end).replace(punctuation, "").length);
    done = end;
    sign.lastIndex = end;
    const said = plain.slice(start, end);
    const source = { start: at[start]!, end: at[end]! };
    if (fileName.test(said) && standsAlone(text, source, said)) continue;
    const asRead = text.slice(source.start, source.end) === said;
    const host = asRead ? (allowedHost(said, links) ?? exactHost(said, text, source, links)) : undefined;
    found.push({ ...source, text: said, host });
  }
  return found.map((each, index) =>
    each.host !== undefined && isCrowded(text, each, found[index - 1], found[index + 1])
      ? { ...each, host: undefined }
      : each,
  );
}

/** Whether a word is written as it is read, with nothing but blanks and the sentence's punctuation around it. */
const standsAlone = (text: string, { start, end }: { start: number; end: number }, said: string): boolean =>
  text.slice(start, end) === said &&
  /(?:^|[ \n])$/.test(text.slice(Math.max(0, start - 1), start)) &&
  /^[.,;!?]?(?:$|[ \n])/.test(text.slice(end, end + 2));

/** Surrogates are told by the character they begin. */
function partOfHost(plain: string, at: number): boolean {
  const unit = plain.charCodeAt(at);
  if (unit >= 0xdc00 && unit <= 0xdfff) return true;
  return hostPart.test(String.fromCodePoint(plain.codePointAt(at) ?? 0));
}

/** Readers differ in where an address ends: next to another one, or to what could make it a user's name, it is none of ours. */
function isCrowded(text: string, { start, end }: Found, last: Found | undefined, next: Found | undefined): boolean {
  let from = start;
  if (start > 0 && !/[\s([<>"'«“‘]/u.test(text[start - 1]!)) return true;
  while (from > 0 && !isSpace(text[from - 1]!)) {
    from -= 1;
    if (isOdd(text[from]!) || start - from > longestRun || (last && last.end > from)) return true;
  }
  let to = end;
  for (; to < text.length && !isSpace(text[to]!); to++)
    if (isOdd(text[to]!) || to - end > longestRun || (next && next.start <= to)) return true;
  return false;
}

const longestRun = 500;

/** To JavaScript, the invisible U+FEFF is one too. */
const isSpace = (unit: string): boolean => /\s/u.test(unit) && unit !== "\ufeff";

const isOdd = (unit: string): boolean => /[@\\]/.test(unit.normalize("NFKC")) || invisible.test(unit);

/** Of a plain web address or domain alone, in which every reader sees the same host. */
const plainAddress = /^(?:https?:\/\/)?([\p{L}\p{N}.\-]+)(?::\d{1,5})?(?:[/?#][\w\-./?#=&%+~]*)?$/iu;

function allowedHost(address: string, links: LinkPolicy): string | undefined {
  const [, written] = plainAddress.exec(address) ?? [];
  const host = written === undefined ? undefined : plainHost(`https://${written}/`);
  return host !== undefined && links.allows(host) ? host : undefined;
}

/** The host of an address that is allowed as a whole, where nothing behind it could be read as a part of it. */
function exactHost(
  address: string,
  text: string,
  { start, end }: { start: number; end: number },
  links: LinkPolicy,
): string | undefined {
  const alone = /[\s(<[]|^$/u.test(text.slice(Math.max(0, start - 1), start));
  const ended = /^[)>\]]{0,3}[.,;:!?]?(?:\s|$)/u.test(text.slice(end, end + 5));
  return alone && ended && links.allowsUrl?.(address) ? targetHost(address, links) : undefined;
}

/** The host of a link's target, where the policy allows it; undefined: the link may not be followed. */
export function targetHost(href: string, links: LinkPolicy): string | undefined {
  const isPlain = /^https?:\/\/[\p{L}\p{N}.\-]+(:\d{1,5})?([/?#][\x21-\x7e]*)?$/iu.test(href);
  const host = isPlain ? plainHost(href) : undefined;
  return host !== undefined && (links.allows(host) || links.allowsUrl?.(href)) ? host : undefined;
}

/** The host of an address in which every reader sees the same one. */
function plainHost(href: string): string | undefined {
  const { hostname } = URL.parse(href) ?? {};
  // A label that begins or ends with "-" is none: others read the host from behind it.
  const odd = hostname === undefined || /^[.-]|[.-][.-]|-$|\.$/.test(hostname.replaceAll("xn--", "xn"));
  return odd ? undefined : hostname;
}

const longest = 200;

/** An address for a person to read, for where it is shown as code: nothing makes a link of that. */
export function defanged(address: string): string {
  const shown = plainly(address).plain.replaceAll(/\s/gu, " ");
  const whole = shown.length > longest ? `${shown.slice(0, longest).toWellFormed()}…` : shown;
  return withoutHostDots(whole);
}

/** As `defanged`, but whole, and a name alone is left as it is: README.md is a domain as well. */
export const asCode = ({ text }: Found): string => (/[:/?@\\]/.test(text) ? withoutHostDots(text) : text);

/** The dots of the host, not those of the path. */
function withoutHostDots(address: string): string {
  const [, front = "", rest = ""] = /^((?:[a-z][a-z0-9+.\-]*:)?(?:[\\/]{2})?[^/?#\\]*)(.*)$/isu.exec(address) ?? [];
  return front.replaceAll(/[.。]/gu, "[.]") + rest;
}

/** Text in which nothing is a link even where no code can be shown. */
export function inertText(text: string, links: LinkPolicy): string {
  let out = "";
  let done = 0;
  for (const found of findLinks(text, links)) {
    if (found.host !== undefined) continue;
    out += text.slice(done, found.start) + found.text.replaceAll(/[.:。]/gu, "[$&]");
    done = found.end;
  }
  return withoutOverrides(out + text.slice(done));
}

/** A file's name that is no address: its ending is its only dot. */
export function inertName(name: string, links: LinkPolicy): string {
  if (findLinks(name, links).length === 0) return name;
  const { plain } = plainly(name);
  const dot = plain.lastIndexOf(".");
  const stem = plain.slice(0, Math.max(dot, 0)).replaceAll(/[^\p{L}\p{M}\p{N}_\- ]/gu, "_");
  return stem + plain.slice(Math.max(dot, 0)).replaceAll(/[^\p{L}\p{M}\p{N}_\-.]/gu, "_");
}

/** Without the characters that turn the direction of what follows: they make a text look like another. */
export const withoutOverrides = (text: string): string => text.replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, "");
