import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { breakWithin, splitMarkdown } from "../../../lib/channel/split.ts";

const bytes = (text: string): number => Buffer.byteLength(text);

describe("splitMarkdown", () => {
  test("a text within the limit is left as it is", () => {
    assert.deepEqual(splitMarkdown("a\n\n\n  b ", 10), ["a\n\n\n  b "]);
  });

  test("parts end between blocks and keep what stood between blocks of one part", () => {
    const text = "# one\n\ntwo\nthree\n\n```sh\nls\n\npwd\n```\nafter\n\nlast";
    assert.deepEqual(splitMarkdown(text, 30), ["# one\n\ntwo\nthree", "```sh\nls\n\npwd\n```\nafter\n\nlast"]);
  });

  test("a code block too long for a part becomes several closed ones with the same opening line", () => {
    const lines = Array.from({ length: 40 }, (_, index) => `  line ${index}`);
    const parts = splitMarkdown(`before\n\n~~~ts title\n${lines.join("\n")}\n~~~\n\nafter`, 100);
    const inside = parts.flatMap((part) => /^~~~ts title\n([\s\S]*?)\n~~~/.exec(part)?.[1] ?? []);
    assert.deepEqual(inside.join("\n").split("\n"), lines);
    for (const part of parts) assert.ok(part.length <= 100);
    assert.match(parts.at(-1) ?? "", /~~~\n\nafter$/);
  });

  test("an unclosed code block is closed in every part", () => {
    for (const part of splitMarkdown("```\n" + "code line\n".repeat(30), 80))
      assert.equal(part.match(/```/g)?.length, 2, part);
  });

  test("a fence inside a longer fence does not end it", () => {
    const text = "````md\n```\ninner\n```\n````";
    assert.deepEqual(splitMarkdown(`${"a".repeat(30)}\n\n${text}`, 40), ["a".repeat(30), text]);
  });

  test("a limit in bytes is kept, and no character is broken", () => {
    const text = "日本語😀".repeat(200);
    const parts = splitMarkdown(text, 64, bytes);
    for (const part of parts) {
      assert.ok(bytes(part) <= 64);
      assert.ok(part.isWellFormed());
    }
    assert.equal(parts.join(""), text);
  });

  test("a long paragraph is cut at lines, then sentences, then words", () => {
    assert.deepEqual(splitMarkdown("one two\nthree four five", 16), ["one two", "three four five"]);
    assert.deepEqual(splitMarkdown("One two. Three four five", 16), ["One two.", "Three four five"]);
    assert.deepEqual(splitMarkdown("one two three four five", 16), ["one two three", "four five"]);
  });

  test("a block of 1 MB is split in good time", () => {
    // Of this process alone: the machine may have much else to do.
    const started = process.cpuUsage();
    const parts = splitMarkdown("word ".repeat(200_000), 40_000, bytes);
    assert.ok(parts.length >= 25);
    assert.ok(process.cpuUsage(started).user < 2_000_000);
  });
});

describe("breakWithin", () => {
  test("a surrogate pair is never split", () => {
    assert.equal(breakWithin("😀😀😀", 3), 2);
    assert.equal(breakWithin("😀😀😀", 2), 2);
    assert.equal(breakWithin("😀😀", 1), 2);
  });
});
