import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { matchesWhole, patternProblem, patternTextLimit } from "../../../lib/config/safe-pattern.ts";

test("patterns for ids, names, hosts and dates are taken", () => {
  for (const pattern of [
    "[A-Z]{2,5}-[0-9]+",
    "[a-z0-9-]+(\\.[a-z0-9]{2,8})?",
    "(mon|tue|wed|thu|fri|sat|sun)day",
    "\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}",
    "20\\d{2}-\\d{2}-\\d{2}",
    "https?://[^/]+/.*",
    "[[\\](){}*+?|]+",
    "\\p{L}+",
    "\\u{1F600}",
    "(?:ab){3}",
    "yes|no",
  ])
    assert.equal(patternProblem(pattern), undefined, pattern);
});

test("what is no regular expression, or could take for ever, is refused with its reason", () => {
  for (const [pattern, problem] of [
    ["", /empty/],
    ["(", /regular expression/],
    ["a)|(?:b", /regular expression/],
    ["[z-a]", /regular expression/],
    ["a".repeat(201), /200 characters/],
    ["(a+)+", /repeats a group that varies/],
    ["(a*)*b", /repeats a group that varies/],
    ["((a|a))+", /repeats a group that varies/],
    ["(a|b){2,}", /repeats a group that varies/],
    ["(a?a?)*", /repeats a group that varies/],
    ["(a{1,9}){9}", /repeats a group that varies/],
    [".*a.*b.*c.*d", /3 repeats/],
    ["a?".repeat(30), /alternatives and options/],
    ["(a|a)".repeat(30), /alternatives and options/],
    ["(a)\\1", /backreferences/],
    ["(?<n>a)\\k<n>", /lookarounds and named groups/],
    ["(?=a)a", /lookarounds/],
    ["(?<!a)b", /lookarounds/],
  ] as const)
    assert.match(patternProblem(pattern) ?? "taken", problem, pattern);
});

test("whatever pattern is taken ends in few steps on text made to mislead it", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "\\w", "(a|b)", "(ab)", "(?:a+)", "(a?)");
  const quantifier = fc.constantFrom("", "", "+", "*", "?", "{2}", "{1,4}", "{2,}", "+?");
  const pattern = fc
    .array(fc.tuple(atom, quantifier), { minLength: 1, maxLength: 8 })
    .map((parts) => parts.flat().join(""));
  const text = fc
    .constantFrom("a", "ab", "aab")
    .map((unit) => unit.repeat(patternTextLimit).slice(0, patternTextLimit - 1) + "!");
  fc.assert(
    fc.property(pattern, text, (source, long) => {
      if (patternProblem(source) === undefined) matchesWhole(source, long);
    }),
    { numRuns: 500 },
  );
});
