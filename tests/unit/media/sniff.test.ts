import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sniff } from "../../../lib/media/sniff.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text.padEnd(80, "\0"), "latin1");

describe("a file", () => {
  const known: [string, string, string][] = [
    ["\x89PNG\r\n\x1a\n", "image/png", "png"],
    ["\xff\xd8\xff\xe0", "image/jpeg", "jpg"],
    ["GIF89a", "image/gif", "gif"],
    ["GIF87a", "image/gif", "gif"],
    ["RIFF\x10\0\0\0WEBPVP8L", "image/webp", "webp"],
    [`OggS\0\x02${"\0".repeat(20)}\x01\x13OpusHead`, "audio/ogg", "ogg"],
    [`OggS\0\x02${"\0".repeat(20)}\x01\x1e\x01vorbis`, "audio/ogg", "ogg"],
    ["ID3\x04", "audio/mpeg", "mp3"],
    ["\xff\xfb\x90\x44", "audio/mpeg", "mp3"],
    ["\0\0\0\x20ftypM4A ", "audio/mp4", "m4a"],
    ["\0\0\0\x20ftypisom", "audio/mp4", "m4a"],
    ["RIFF\x10\0\0\0WAVEfmt ", "audio/wav", "wav"],
    ["fLaC\0\0\0\x22", "audio/flac", "flac"],
    ["\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "audio/webm", "webm"],
  ];
  for (const [text, mime, extension] of known)
    test(`beginning ${JSON.stringify(text.slice(0, 12))} is ${mime}`, () => {
      const found = sniff(bytes(text));
      assert.deepEqual(found, { kind: mime.split("/")[0], mime, extension });
    });

  const others: [string, string][] = [
    ["an SVG image", '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ["an SVG image with a prologue", '<?xml version="1.0"?><svg/>'],
    ["an HTML page", "<!doctype html><script>"],
    ["a PDF", "%PDF-1.7"],
    ["a HEIC image", "\0\0\0\x18ftypheic"],
    ["a QuickTime film", "\0\0\0\x14ftypqt  "],
    ["Ogg video", `OggS\0\x02${"\0".repeat(20)}\x01\x2a\x80theora`],
    ["Matroska", "\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska"],
    ["AAC in ADTS", "\xff\xf1\x50\x80"],
    ["AVI in RIFF", "RIFF\x10\0\0\0AVI LIST"],
    ["UTF-16 text", "\xff\xfeh\0i\0"],
    ["a PNG signature that is not at the start", " \x89PNG\r\n\x1a\n"],
  ];
  for (const [what, text] of others)
    test(`that is ${what} is "other"`, () => {
      assert.equal(sniff(bytes(text)).kind, "other");
    });

  test("that is empty or shorter than a signature is other", () => {
    for (const text of ["", "\x89PN", "\xff", "RIFF"]) assert.equal(sniff(Buffer.from(text, "latin1")).kind, "other");
  });
});
