import assert from "node:assert/strict";
import { test } from "node:test";
import { imageSize } from "../../../lib/media/image-size.ts";
import { mimeOf } from "../../../lib/media/mime.ts";

test("a file is what its bytes are, text where they are text, else bytes", () => {
  const expected: [Buffer, string][] = [
    [Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), "image/png"],
    [Buffer.from("OggS\0\x02".padEnd(28, "\0") + "OpusHead", "latin1"), "audio/ogg"],
    [Buffer.from("a,b\n1,ü\n"), "text/plain"],
    [Buffer.from("<html><script>alert(1)</script>"), "text/plain"],
    [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), "text/plain"],
    [Buffer.from("text\0with a NUL"), "application/octet-stream"],
    [Buffer.from("\xff\xfe\xfd", "latin1"), "application/octet-stream"],
  ];
  for (const [bytes, mime] of expected) assert.equal(mimeOf(bytes), mime, bytes.toString("latin1", 0, 10));
});

test("the size of a PNG and of a GIF is read, of what is cut off or another it is not known", () => {
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAAfFcSJ", "base64");
  const gif = Buffer.from("GIF89a\x05\x00\x02\x01", "latin1");
  assert.deepEqual(imageSize(png, "image/png"), { width: 2, height: 3 });
  assert.deepEqual(imageSize(gif, "image/gif"), { width: 5, height: 258 });
  assert.equal(imageSize(png.subarray(0, 23), "image/png"), undefined);
  assert.equal(imageSize(Buffer.alloc(24), "image/png"), undefined);
  assert.equal(imageSize(png, "image/jpeg"), undefined);
});
