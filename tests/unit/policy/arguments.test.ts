import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { callOf, loadWorld, ruling, scopeOf } from "./support.ts";

const me = "matrix:@me:home.example";

/** The decisions on calls of feed_read with an argument `a`, under a rule for it. */
function under(t: TestContext, rule: string, path = "a") {
  const config = loadWorld(t, "", `[agents.ops.arguments."feed_*"]\n${path} = ${rule}\n`);
  const scope = scopeOf(config, "ops", me);
  return (args: Record<string, unknown>, request = ""): string =>
    ruling(scope, callOf("feed_read", { args, request })).split(":")[0] ?? "";
}

test("hosts: the URL's host is one of them, or below one of them, and nothing else passes", (t) => {
  const decided = under(t, '{ hosts = ["home.example", "*.lan.example", "[::1]", "127.0.0.1"] }');
  for (const url of [
    "https://home.example",
    "http://home.example:8080/a?b#c",
    "HTTPS://HOME.EXAMPLE./x",
    "https://nas.lan.example/",
    "https://a.b.lan.example/",
    "http://[::1]/",
    "http://2130706433/",
  ])
    assert.equal(decided({ a: url }), "allow", url);
  for (const url of [
    "https://home.example.evil.example/",
    "https://evilhome.example/",
    "https://evil.example/home.example",
    "https://evil.example?home.example",
    "https://evil.example#@home.example",
    "https://home.example@evil.example/",
    "https://me:pw@home.example/",
    "https://lan.example/",
    "https://evil-lan.example/",
    "https://home.example\\@evil.example/",
    "https://evil.example\\home.example",
    " https://home.example/",
    "https://ho\tme.example/",
    "file:///home.example",
    "ftp://home.example/",
    "//home.example/",
    "home.example",
    "",
  ])
    assert.equal(decided({ a: url }), "deny", url);
});

test("one_of: letter for letter, numbers and booleans as they are written", (t) => {
  const decided = under(t, '{ one_of = ["team", "7", "true"] }');
  for (const value of ["team", "7", 7, true]) assert.equal(decided({ a: value }), "allow", String(value));
  for (const value of ["Team", "team ", "", 70, false, null, { team: "team" }])
    assert.equal(decided({ a: value }), "deny");
});

test("pattern: all of it matches, never a part; text past 256 characters does not", (t) => {
  const decided = under(t, "{ pattern = '[a-z]+|[A-Z]{2,5}-[0-9]+' }");
  for (const value of ["abc", "OPS-12"]) assert.equal(decided({ a: value }), "allow", value);
  for (const value of ["abc1", "xOPS-12", "OPS-12x", "OPS-12\n", "abc\nabc", "", "a".repeat(257)])
    assert.equal(decided({ a: value }), "deny", value);
});

test("max_length: characters of text; what is no text has none", (t) => {
  const decided = under(t, "{ max_length = 3 }");
  for (const value of ["", "abc", 123]) assert.equal(decided({ a: value }), "allow");
  for (const value of ["abcd", 1234, null, { b: 1 }]) assert.equal(decided({ a: value }), "deny");
});

test("named: the person's own words hold it whole", (t) => {
  const decided = under(t, "{ named = true }");
  assert.equal(decided({ a: "OPS-1" }, "close ops-1, please"), "allow");
  assert.equal(decided({ a: "OPS-1" }, "close OPS-12, please"), "deny");
  assert.equal(decided({ a: "OPS-1" }), "deny");
});

test("an argument that is absent meets every rule; each element of a list must meet it", (t) => {
  const decided = under(t, '{ one_of = ["x", "y"], named = true, max_length = 1 }');
  assert.equal(decided({}), "allow");
  assert.equal(decided({ b: "z" }), "allow");
  assert.equal(decided({ a: undefined }), "allow");
  assert.equal(decided({ a: [] }), "allow");
  assert.equal(decided({ a: ["x", "y"] }, "x y"), "allow");
  assert.equal(decided({ a: ["x", "z"] }, "x y z"), "deny");
  assert.equal(decided({ a: [["x"], ["z"]] }, "x z"), "deny");
});

test("a dotted path leads into nested arguments, through lists, by every reading of a dotted name", (t) => {
  const decided = under(t, '{ one_of = ["x"] }', '"a.b"');
  assert.equal(decided({ a: { b: "x", c: "z" } }), "allow");
  assert.equal(decided({ a: { c: "z" } }), "allow");
  assert.equal(decided({ a: [{ b: "x" }, { b: ["x", "z"] }] }), "deny");
  assert.equal(decided({ a: { b: "x" }, "a.b": "z" }), "deny");
  assert.equal(decided({ a: "z" }), "deny");
  assert.equal(decided({ a: null }), "deny");
  assert.equal(decided({ a: { b: null } }), "deny");
});

test("only own arguments count: neither constructor nor __proto__ is there by itself", (t) => {
  for (const path of ["constructor", "toString", "constructor.name"])
    assert.equal(under(t, '{ one_of = ["x"] }', `"${path}"`)({}), "allow", path);
  const decided = under(t, '{ one_of = ["x"] }', "constructor");
  assert.equal(decided({ constructor: "z" }), "deny");
  const inherited = Object.create({ a: "z" }) as Record<string, unknown>;
  assert.equal(under(t, '{ one_of = ["x"] }')(inherited), "allow");
});

test("the rule that is not met is named by its key, without the value; unmet = ask asks", (t) => {
  const config = loadWorld(t);
  const scope = scopeOf(config, "ops", me);
  const args = { url: "https://evil.example/canary" };
  assert.equal(ruling(scope, callOf("web_get", { args })), "deny: agents.ops.arguments.web_get.url.hosts is not met");
  assert.equal(under(t, '{ one_of = ["x"], unmet = "ask" }')({ a: "y" }), "ask");
  assert.equal(under(t, '{ one_of = ["x"], unmet = "ask" }')({ a: "x" }), "allow");
});

test("every rule that covers the tool must be met, the family's and its own", (t) => {
  const config = loadWorld(
    t,
    "",
    '[agents.ops.arguments."tickets_*"]\nid = { max_length = 4 }\n[agents.ops.arguments.tickets_close]\nid = { pattern = "[0-9]+" }\n',
  );
  const of = (tool: string, id: string): string =>
    ruling(scopeOf(config, "ops", me), callOf(tool, { args: { id } })).split(" is not")[0] ?? "";
  assert.equal(of("tickets_close", "12345"), 'deny: agents.ops.arguments."tickets_*".id.max_length');
  assert.equal(of("tickets_close", "a"), "deny: agents.ops.arguments.tickets_close.id.pattern");
  assert.match(of("tickets_close", "12"), /^allow/);
  assert.match(of("tickets_read", "a"), /^allow/);
});
