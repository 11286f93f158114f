/** What a file is by its first bytes; what its sender says it is does not count. */
export interface Sniffed {
  readonly kind: "image" | "audio" | "other";
  readonly mime: string;
  /** Without the dot. */
  readonly extension: string;
}

interface Signature extends Sniffed {
  matches(bytes: Uint8Array): boolean;
}

// Most are those of the WHATWG MIME Sniffing standard (section 6); the rest name their own.
const signatures: readonly Signature[] = [
  { kind: "image", mime: "image/png", extension: "png", matches: (bytes) => has(bytes, 0, "\x89PNG\r\n\x1a\n") },
  { kind: "image", mime: "image/jpeg", extension: "jpg", matches: (bytes) => has(bytes, 0, "\xff\xd8\xff") },
  {
    kind: "image",
    mime: "image/gif",
    extension: "gif",
    matches: (bytes) => has(bytes, 0, "GIF87a") || has(bytes, 0, "GIF89a"),
  },
  {
    kind: "image",
    mime: "image/webp",
    extension: "webp",
    matches: (bytes) => has(bytes, 0, "RIFF") && has(bytes, 8, "WEBPVP8"),
  },
  { kind: "audio", mime: "audio/ogg", extension: "ogg", matches: isOggAudio },
  {
    kind: "audio",
    mime: "audio/wav",
    extension: "wav",
    matches: (bytes) => has(bytes, 0, "RIFF") && has(bytes, 8, "WAVE"),
  },
  // RFC 9639, section 6.
  { kind: "audio", mime: "audio/flac", extension: "flac", matches: (bytes) => has(bytes, 0, "fLaC") },
  { kind: "audio", mime: "audio/mp4", extension: "m4a", matches: isMp4 },
  { kind: "audio", mime: "audio/webm", extension: "webm", matches: isWebm },
  { kind: "audio", mime: "audio/mpeg", extension: "mp3", matches: isMp3 },
];

const other: Sniffed = { kind: "other", mime: "application/octet-stream", extension: "bin" };

/** The kind, media type and extension of a file's bytes; "other" for SVG and whatever else is not in the table. */
export function sniff(bytes: Uint8Array): Sniffed {
  const found = signatures.find((signature) => signature.matches(bytes));
  return found ? { kind: found.kind, mime: found.mime, extension: found.extension } : other;
}

/** `text` holds one byte a character. */
function has(bytes: Uint8Array, at: number, text: string): boolean {
  if (bytes.length < at + text.length) return false;
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** RFC 3533: a page header of 27 bytes, then one segment length, then the first packet, which names the codec. */
function isOggAudio(bytes: Uint8Array): boolean {
  const codecs = ["OpusHead", "\x01vorbis", "\x7fFLAC", "Speex   "];
  return has(bytes, 0, "OggS") && codecs.some((codec) => has(bytes, 28, codec));
}

/** ISO/IEC 14496-12: the brand behind `ftyp` tells audio and plain MP4 from HEIC, AVIF and QuickTime. */
function isMp4(bytes: Uint8Array): boolean {
  const brands = ["M4A ", "M4B ", "mp41", "mp42", "isom", "iso2", "iso4", "iso5", "iso6", "dash"];
  return has(bytes, 4, "ftyp") && brands.some((brand) => has(bytes, 8, brand));
}

/** RFC 9559: an EBML header whose DocType is webm, not matroska. */
function isWebm(bytes: Uint8Array): boolean {
  if (!has(bytes, 0, "\x1a\x45\xdf\xa3")) return false;
  for (let at = 4; at < 64; at++) if (has(bytes, at, "\x42\x82\x84webm")) return true;
  return false;
}

/** An ID3v2 tag, or a frame of MPEG audio layer III (ISO/IEC 11172-3) with a bit rate and sampling rate that exist. */
function isMp3(bytes: Uint8Array): boolean {
  if (has(bytes, 0, "ID3")) return true;
  const [sync = 0, version = 0, rates = 0] = bytes;
  const layerThree = sync === 0xff && (version & 0xe6) === 0xe2 && (version & 0x18) !== 0x08;
  return layerThree && (rates & 0xf0) !== 0xf0 && (rates & 0xf0) !== 0 && (rates & 0x0c) !== 0x0c;
}
