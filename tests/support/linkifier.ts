/** What a client or server may make links of: a reader of our own, more lenient than any of them. */

const tlds = "com|org|net|io|me|md|co|de|dev|app|xyz|zip|example|home|рф|xn--p1ai|xn--[a-z0-9-]+";

const pattern = new RegExp(
  [
    String.raw`[a-z][a-z0-9+.-]*:\/\/[^\s<>"]+`,
    String.raw`(?<![\p{L}\p{N}])(?:mailto|matrix|tg|tel|javascript|data):[\p{L}\p{N}/@+][^\s<>"]*`,
    String.raw`(?<![\p{L}\p{N}])www\.[\p{L}\p{N}][^\s<>"]*`,
    String.raw`[#@!][^\s:@]+:[a-z0-9][a-z0-9.-]*\.[a-z]{2,}`,
    String.raw`(?:[^\s<>"()@/:]+@)?[\p{L}\p{N}\p{So}._-]*[\p{L}\p{N}\p{So}_-]\.(?:${tlds})(?![\p{L}\p{N}-])[^\s<>"]*`,
  ].join("|"),
  "giu",
);

const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/** All links in a text, read as it is, and as somebody reads it who skips what cannot be seen and takes wide letters as narrow. */
export const linksIn = (text: string): string[] =>
  [text, text.replaceAll(invisible, ""), text.normalize("NFKC").replaceAll(invisible, "")].flatMap(
    (reading) => reading.match(pattern) ?? [],
  );

/** The host a link leads to, for a reader who takes as host what looks like one; "" where it is no address of the web. */
export function hostOf(link: string): string {
  const [, scheme = "https", rest = ""] = /^(?:([a-z][a-z0-9+-]*):(?=\D))?(.*)$/isu.exec(link) ?? [];
  if (!/^https?$/i.test(scheme)) return "";
  const [authority = ""] = rest.replace(/^[^\p{L}\p{N}]+/u, "").split(/[/?#\\]/);
  const [host = ""] = /^[\p{L}\p{M}\p{N}\p{So}._-]*/u.exec(authority.slice(authority.lastIndexOf("@") + 1)) ?? [];
  return URL.parse(`https://${host.replace(/[._-]+$/, "")}`)?.hostname ?? "";
}
