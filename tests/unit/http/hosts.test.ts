import assert from "node:assert/strict";
import { test } from "node:test";
import { httpSection } from "../../../lib/config/sections/http.ts";
import { allowedUrl, hostRules, parseHostRule } from "../../../lib/http/hosts.ts";

const allows = (entry: string, url: string): boolean => {
  try {
    allowedUrl(url, hostRules([entry], []));
    return true;
  } catch {
    return false;
  }
};

const cases: [entry: string, allowed: string[], refused: string[]][] = [
  [
    "example.org",
    ["https://example.org/a?b", "https://EXAMPLE.org:443/", "https://ｅxample.org"],
    [
      "http://example.org",
      "https://example.org:8443",
      "https://www.example.org",
      "https://example.org.",
      "https://example.org.evil.test",
      "https://evil.test/example.org",
      "https://me@example.org",
      "https://:pw@example.org",
      "https://example.org@evil.test",
      "https://evil.test\\@example.org",
      "https://evil.test#@example.org",
      "ftp://example.org",
      "file:///example.org",
      "data:text/plain,example.org",
      "example.org",
      "//example.org",
      "",
    ],
  ],
  ["http://example.org", ["http://example.org", "https://example.org"], ["http://example.org:8080"]],
  ["http://nas.lan:8080", ["http://nas.lan:8080", "https://nas.lan:8080"], ["http://nas.lan", "https://nas.lan"]],
  ["example.org:8443", ["https://example.org:8443"], ["https://example.org", "http://example.org:8443"]],
  ["example.org:443", ["https://example.org"], ["http://example.org:443"]],
  [
    "*.example.org",
    ["https://a.example.org", "https://a.b.example.org"],
    ["https://example.org", "https://aexample.org", "https://.example.org.evil.test"],
  ],
  ["xn--bcher-kva.example", ["https://bücher.example"], ["https://bucher.example"]],
  ["http://[fd00::1]:81", ["http://[fd00:0::1]:81"], ["http://[fd00::2]:81"]],
];
for (const [entry, allowed, refused] of cases)
  test(`the entry "${entry}" allows what it says and nothing else`, () => {
    for (const url of allowed) assert.ok(allows(entry, url), url);
    for (const url of refused) assert.ok(!allows(entry, url), url);
  });

test("an entry is a host as a URL has it, and nothing more", () => {
  const wrong = [
    "",
    "*",
    "*.",
    "Example.org",
    "bücher.example",
    "example.org/",
    "example.org/path",
    "example.org:0",
    "example.org:65536",
    "ftp://example.org",
    "user@example.org",
    "a.*.example.org",
    "exa mple.org",
    "example.org?x",
    "example.org#x",
    "127.1",
    "0177.0.0.1",
    "2130706433",
    "[::0001]",
    "fd00::1",
    "%6c.org",
  ];
  for (const entry of wrong) assert.equal(parseHostRule(entry, false), undefined, entry);
});

test("a host in both lists may be at a private address", () => {
  const { rule } = allowedUrl("https://nas.example.org", hostRules(["*.example.org"], ["nas.example.org"]));
  assert.equal(rule.private, true);
});

test("what is refused names the key, and plain HTTP where that is all that is wrong", () => {
  const rules = hostRules(["example.org"], []);
  assert.throws(() => allowedUrl("https://example.org", []), { message: /no host; tools\.http\.hosts/ });
  assert.throws(() => allowedUrl("https://a.test", rules), { message: /not allowed a\.test \(tools\.http\.hosts\)/ });
  assert.throws(() => allowedUrl("http://example.org", rules), { message: /by https:\/\/ alone/ });
});

test("openclaw.toml takes entries that can be read alone, and says how one is written", () => {
  assert.deepEqual(httpSection.parse({}), {
    hosts: [],
    private_hosts: [],
    max_kb: 512,
    timeout_seconds: 20,
    max_chars: 20_000,
  });
  for (const key of ["hosts", "private_hosts"]) {
    const { error } = httpSection.safeParse({ [key]: ["example.org", "https://example.org/path"] });
    assert.deepEqual(error?.issues[0]?.path, [key, 1]);
    assert.match(error?.issues[0]?.message ?? "", /must be a host such as "example\.org"/);
  }
  assert.ok(!httpSection.safeParse({ host: [] }).success);
});
