import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FileToSend } from "../../../lib/tools/define.ts";
import { filesTool } from "../../../lib/tools/files.ts";
import { call } from "./support.ts";

/** The tool over a chat that keeps what it was sent. */
function setUp() {
  const sent: FileToSend[] = [];
  const limit = { kb: 1 };
  const tool = filesTool(() => limit.kb);
  const send = (input: object): Promise<string> =>
    call(tool, input, { sendFile: async (file) => void sent.push(file), callKey: "run-1:7" });
  return { sent, send, limit };
}

describe("files_send", () => {
  test("sends text as UTF-8 under the call's key, and says that it is on its way", async () => {
    const { sent, send } = setUp();
    const told = await send({ name: " räume.csv ", content: "a,ü\n", caption: "All rooms" });
    assert.equal(told, "räume.csv (1 KB) is on its way and arrives before your answer.");
    assert.deepEqual(sent, [{ key: "run-1:7", name: "räume.csv", bytes: Buffer.from("a,ü\n"), caption: "All rooms" }]);
  });

  test("sends bytes given as base64, with line breaks or without padding", async () => {
    const { sent, send } = setUp();
    for (const content of ["aGVsbG8h\r\nIQ==", "aGVsbG8hIQ"])
      await send({ name: "a.bin", content, encoding: "base64" });
    assert.deepEqual(
      sent.map(({ bytes }) => Buffer.from(bytes).toString()),
      ["hello!!", "hello!!"],
    );
  });

  const broken: [string, string, RegExp][] = [
    ["plain text", "host: nas", /must not have ":" in it. For plain text use encoding "text"/],
    ["a data URL", "data:image/png;base64,aGVsbG8", /leave out what is before "base64,"/],
    ["base64url", "a-_b", /must not have "-" in it/],
    ["text that is cut off", "aGVsb", /cut off or padded in the middle. Send it whole/],
    ["padding in the middle", "aGVs=bG8h", /padded in the middle/],
    ["padding alone", "====", /cut off/],
  ];
  for (const [what, content, told] of broken)
    test(`${what} is no base64: nothing is sent, and the fix is named`, async () => {
      const { sent, send } = setUp();
      await assert.rejects(send({ name: "a.bin", content, encoding: "base64" }), {
        code: "bad_request",
        message: told,
      });
      assert.equal(sent.length, 0);
    });

  test("what is larger than the limit of the moment is not sent, and the limit is named", async () => {
    const { sent, send, limit } = setUp();
    await send({ name: "a.txt", content: "x".repeat(1024) });
    const over = { name: "a.txt", content: "ü".repeat(513) };
    await assert.rejects(send(over), { code: "too_large", message: /has 2 KB and was not sent; 1 KB is the most/ });
    limit.kb = 2;
    await send(over);
    assert.equal(sent.length, 2);
  });

  test("GHSA-5xfq-5mr7-426q: a name is a plain file name", () => {
    const { send } = setUp();
    const names = [
      "",
      " ",
      "../a",
      "a/b",
      "a\\b",
      "a\nb",
      "a\0b",
      "..",
      ".",
      "evil\u202Efdp.exe",
      "\ud800",
      "x".repeat(101),
    ];
    for (const name of names) assert.throws(() => send({ name, content: "x" }), JSON.stringify(name));
  });

  test("it takes no empty file, no long caption and nowhere else to send it", () => {
    const { send } = setUp();
    for (const more of [{ content: "" }, { caption: "x".repeat(1001) }, { chat: 7 }, { encoding: "hex" }])
      assert.throws(() => send({ name: "a", content: "x", ...more }), JSON.stringify(more));
  });

  test("it acts, and may be repeated under its key", () => {
    const { labels, effect } = filesTool(() => 1);
    assert.deepEqual([labels, effect], [["act"], "keyed"]);
  });
});
