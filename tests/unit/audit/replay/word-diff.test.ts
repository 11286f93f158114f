import assert from "node:assert/strict";
import { test } from "node:test";
import { wordDiff } from "../../../../lib/audit/replay/word-diff.ts";

test("the same words are no difference, however they are spaced", () => {
  assert.equal(wordDiff("It is\n\nfine.", "It is fine."), "");
  assert.equal(wordDiff("", ""), "");
});

test("what went and what came stand in their place", () => {
  assert.equal(wordDiff("the door is open now", "the door is shut"), "the door is [-open now-] {+shut+}");
  assert.equal(wordDiff("", "Ahoy there."), "{+Ahoy there.+}");
});

test("of long stretches that stayed, what stands beside a change is shown", () => {
  const words = Array.from({ length: 40 }, (_, index) => `w${index}`);
  const diff = wordDiff(["a", ...words, "b"].join(" "), ["c", ...words, "d"].join(" "));
  assert.equal(diff, `[-a-] {+c+} ${words.slice(0, 8).join(" ")} … ${words.slice(-8).join(" ")} [-b-] {+d+}`);
});
