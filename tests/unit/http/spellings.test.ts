import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { get, networkOf } from "./support.ts";

type Bytes = readonly [number, number, number, number];

const octets = (...first: number[]): fc.Arbitrary<Bytes> =>
  fc
    .array(fc.integer({ min: 0, max: 255 }), { minLength: 4 - first.length, maxLength: 4 - first.length })
    .map((rest) => [...first, ...rest] as unknown as Bytes);

const forbidden: fc.Arbitrary<Bytes> = fc.oneof(
  fc.constant<Bytes>([127, 0, 0, 1]),
  octets(127),
  octets(10),
  octets(172, 16),
  octets(192, 168),
  octets(169, 254),
  octets(100, 64),
  octets(0),
);

const radix = (value: number, form: number): string =>
  form === 0
    ? String(value)
    : form === 1
      ? `0${value.toString(8)}`
      : form === 2
        ? `0x${value.toString(16)}`
        : `0X000${value.toString(16).toUpperCase()}`;

/** Digits and dots that a URL takes for ASCII ones. */
const disguise = (text: string, picks: readonly number[]): string =>
  [...text]
    .map((character, at) => {
      const pick = picks[at % picks.length] ?? 0;
      if (character === ".") return [".", ".", "。", "．", "｡"][pick % 5];
      if (/\d/.test(character)) {
        const digit = Number(character);
        return [character, character, String.fromCodePoint(0xff10 + digit), String.fromCodePoint(0x1d7ce + digit)][
          pick % 4
        ];
      }
      return pick % 7 === 6 ? `%${character.charCodeAt(0).toString(16)}` : character;
    })
    .join("");

const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);

/** An address in one of the ways a URL may have it: by one to four numbers of any radix, or in IPv6. */
const spelling: fc.Arbitrary<string> = fc
  .record({
    bytes: forbidden,
    parts: fc.integer({ min: 1, max: 4 }),
    forms: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
    six: fc.integer({ min: 0, max: 12 }),
    picks: fc.array(fc.nat(20), { minLength: 3, maxLength: 9 }),
    dot: fc.boolean(),
  })
  .map(({ bytes, parts, forms, six, picks, dot }) => {
    const [a, b, c, d] = bytes;
    const dotted = bytes.join(".");
    const inHex = `${hex(a, b)}:${hex(c, d)}`;
    const sixes = [
      `::ffff:${dotted}`,
      `::ffff:${inHex}`,
      `0:0:0:0:0:FFFF:${inHex}`,
      `::${dotted}`,
      `64:ff9b::${inHex}`,
      `2002:${inHex}::1`,
      `::ffff:0:${inHex}`,
      "::1",
      "::",
      "fe80::1",
      "fd00::1",
    ];
    const chosen = sixes[six];
    if (chosen !== undefined) return `[${chosen}]`;
    const head = bytes.slice(0, parts - 1);
    const last = bytes.slice(parts - 1).reduce((value, byte) => value * 256 + byte, 0);
    const text = [...head, last].map((value, at) => radix(value, forms[at] ?? 0)).join(".");
    return disguise(text, picks) + (dot ? "." : "");
  });

const decorated = fc
  .tuple(spelling, fc.constantFrom("http", "https", "HTTP", " http"), fc.constantFrom("", "a@", "site.test@", "a:b@"))
  .chain(([host, scheme, user]) =>
    fc
      .constantFrom(":PORT/", ":PORT", ":PORT\\@site.test/", "/", ":80/", ":PORT#@site.test")
      .map((rest) => ({ url: `${scheme}://${user}${host}${rest}`, host })),
  );

test("no spelling of a private address is ever connected to, listed among the public hosts or not", async (t) => {
  let connections = 0;
  const listener = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  let listed = 0;
  await fc.assert(
    fc.asyncProperty(decorated, async ({ url: template }) => {
      const url = template.replace("PORT", String(port));
      const network = networkOf({});
      const parsed = URL.parse(url);
      // Listed as the parser has it: then only its address stands against it.
      const hosts = parsed ? [`http://${parsed.host}`, `http://${parsed.hostname}`] : [];
      if (parsed) listed += 1;
      for (const list of [["http://site.test", "*.test"], hosts])
        await assert.rejects(get(url, { hosts: list, network }), { code: "bad_request" });
      assert.deepEqual(network.dialled, []);
    }),
    { numRuns: 3_000 },
  );
  assert.equal(connections, 0);
  assert.ok(listed > 1_000);
});

test("the same by name: whatever private address a listed name has, it is not connected to", async () => {
  await fc.assert(
    fc.asyncProperty(forbidden, fc.boolean(), async (bytes, mapped) => {
      const network = networkOf({ "site.test": [`${mapped ? "::ffff:" : ""}${bytes.join(".")}`] });
      await assert.rejects(get("http://site.test", { hosts: ["http://site.test"], network }), { code: "bad_request" });
      assert.deepEqual(network.dialled, []);
    }),
    { numRuns: 500 },
  );
});
