import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeText } from "../../../lib/http/text.ts";

const latin = (text: string): Buffer => Buffer.from(text, "latin1");

const texts: [what: string, body: Uint8Array, contentType: string, text: string][] = [
  ["UTF-8 by default", Buffer.from("Grüße"), "text/plain", "Grüße"],
  ["windows-1252 where it is no UTF-8", latin("Gr\xfc\xdfe \x80"), "text/plain", "Grüße €"],
  ["the content type's", latin("Gr\xfc\xdfe"), 'text/plain; Charset="ISO-8859-1"', "Grüße"],
  ["the page's own", latin("<meta charset='latin1'><p>\xfc"), "text/html", "<meta charset='latin1'><p>ü"],
  [
    "the page's own, as it used to be written",
    Buffer.concat([latin('<meta http-equiv=Content-Type content="text/html; charset=koi8-r">'), Buffer.from([0xf0])]),
    "text/html",
    '<meta http-equiv=Content-Type content="text/html; charset=koi8-r">П',
  ],
  ["UTF-16 by its mark", Buffer.from("\ufeffGrüße", "utf16le"), "text/plain; charset=utf-8", "Grüße"],
  ["UTF-8 where the one named does not exist", Buffer.from("ü"), "text/plain; charset=klingon", "ü"],
];
for (const [what, body, contentType, text] of texts)
  test(`text is read in its encoding: ${what}`, () => {
    assert.equal(decodeText(body, contentType)?.text, text);
  });

test("HTML is told by the content type, and by the text where there is none", () => {
  const page = Buffer.from("<!DOCTYPE html><p>a");
  const kinds: [string, string | undefined][] = [
    ["text/html", "html"],
    ["Application/XHTML+xml; charset=utf-8", "html"],
    ["", "html"],
    ["text/plain", "text"],
    ["application/json", "text"],
    ["image/png", "text"],
  ];
  for (const [contentType, kind] of kinds) assert.equal(decodeText(page, contentType)?.kind, kind, contentType);
});

test("bytes that are no text are refused, whatever they are said to be", () => {
  const files = [
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    Buffer.from("%PDF-1.7\n"),
    Buffer.from("PK\x03\x04"),
    Buffer.from("\x7fELF\x02\x01"),
    Buffer.from("GIF89a"),
    Buffer.from("a\0b"),
    Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
  ];
  for (const file of files) assert.equal(decodeText(file, "text/html; charset=utf-8"), undefined);
  assert.equal(decodeText(Buffer.alloc(0), "")?.text, "");
});
