import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { isNamed } from "../../../lib/policy/named.ts";

test("a value is named where it stands between blanks, marks of speech or the ends", () => {
  for (const [value, request] of [
    ["bob@home.example", "send it to bob@home.example"],
    ["bob@home.example", "to bob@home.example, please"],
    ["bob@home.example", "(bob@home.example)"],
    ["bob@home.example", "is it “bob@home.example”?"],
    ["https://home.example/a", "read <https://home.example/a>!"],
    ["https://home.example/a", "read `https://home.example/a`."],
    ["OPS-12", "Close ops-12: it is done"],
    ["12", "complete #12"],
    ["Weekly report", "send the weekly\n  report now"],
    ["team", "Team"],
    ["ﬁle", "the file"],
    ["7", "7"],
  ] as const)
    assert.ok(isNamed(value, request), `${value} in ${request}`);
});

test("a part of something longer is not named", () => {
  for (const [value, request] of [
    ["1", "close 21"],
    ["1", "close 1.5"],
    ["12", "OPS-12"],
    ["OPS-1", "OPS-12"],
    ["evil.example", "see notevil.example"],
    ["evil.example", "see evil.example.org"],
    ["home.example", "see https://home.example/a"],
    ["https://home.example/a", "see https://home.example/abc"],
    ["https://home.example/a", "see https://home.example/a?b=c"],
    ["https://home.example/a", "see https://evil.example/?u=https://home.example/a"],
    ["bob@home.example", "bob@home.example.org"],
    ["ob@home.example", "bob@home.example"],
    ["bob", "bob@home.example"],
    ["home", "home-office"],
    ["alice and bob", "malice and bob"],
    ["e", "é"],
    ["team", "tea m"],
    ["", "anything"],
    [" ", "any thing"],
    ["...", "wait ..."],
    ["x", ""],
  ] as const)
    assert.ok(!isNamed(value, request), `${value} in ${request}`);
});

test("a later occurrence counts where an earlier one is only a part", () => {
  assert.ok(isNamed("ops-1", "not ops-12 but ops-1"));
});

test("no word made of a token and more of the same kind names the token", () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const glue = fc.constantFrom("-", "/", "@", "=", "&", "+", "x", "0", "%", "~", ".a", ":a", "\u200b");
  fc.assert(
    fc.property(word, word, glue, (token, rest, between) => {
      assert.ok(isNamed(token, `the ${token}!`));
      if (`${token}${between}${rest}`.split(/[.:]/)[0] !== token || between.length > 1)
        assert.ok(!isNamed(token, `the ${token}${between}${rest}`.replaceAll(` ${token} `, " ")));
    }),
  );
});

test("a long request is looked through in little time", () => {
  assert.ok(!isNamed("a".repeat(50), `${"a".repeat(200_000)}`));
  assert.ok(isNamed("b", `${'"a" '.repeat(50_000)}b`));
  assert.ok(!isNamed('"'.repeat(10) + "b", '"'.repeat(100_000)));
});
