import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { parseMxc, requireMxc } from "../../../lib/matrix/mxc.ts";

const traversals = [
  "mxc://home.example/..",
  "mxc://home.example/../x",
  "mxc://home.example/a/../../x",
  "mxc://home.example/..%2fx",
  "mxc://home.example/%2e%2e",
  "mxc://home.example/a\\..\\x",
  "mxc://../x",
  "mxc://./x",
  "mxc://home.example/",
  "mxc:///x",
  "mxc:/home.example/x",
  "mxc://home.example/a\0",
  "mxc://home.example/a\n",
];
for (const uri of traversals)
  test(`GHSA-5xfq-5mr7-426q: ${JSON.stringify(uri)} is no attachment`, () => {
    assert.equal(parseMxc(uri), undefined);
    assert.throws(() => requireMxc(uri), { code: "bad_request" });
  });

test("GHSA-5xfq-5mr7-426q CVE-2026-28467: whatever is taken for an attachment stays in its place of a download's path", () => {
  const piece = fc.constantFrom(
    "mxc://",
    "mxc:",
    "/",
    "..",
    ".",
    "%2e",
    "@",
    ":",
    "80",
    "\\",
    "?",
    "#",
    "[::1]",
    "home.example",
    "abc",
    "-_",
    " ",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, prefixed) => {
      const media = parseMxc(`${prefixed ? "mxc://home.example/" : ""}${pieces.join("")}`);
      if (!media) return;
      const base = "/_matrix/client/v1/media/download/";
      const path = `${base}${encodeURIComponent(media.server)}/${encodeURIComponent(media.mediaId)}`;
      const { pathname, host, search } = new URL(path, "https://home.example");
      assert.deepEqual([pathname, host, search], [path, "home.example", ""]);
    }),
    { numRuns: 5_000 },
  );
});
