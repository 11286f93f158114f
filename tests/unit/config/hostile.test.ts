/** openclaw.toml and .env, mutated: each is taken, or refused with what is wrong with it. Nothing else is thrown, and nothing hangs. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse, stringify } from "smol-toml";
import { Environment, readEnvFile } from "../../../lib/config/environment.ts";
import { setInEnvFile } from "../../../lib/config/env-file.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/problem.ts";
import { mutated } from "../../support/mutate.ts";
import fc from "../../support/property.ts";
import { secrets, tools } from "./support.ts";

const root = join(import.meta.dirname, "../../..");
const example = readFileSync(join(root, "openclaw.example.toml"), "utf8");
const directory = mkdtempSync(join(tmpdir(), "openclaw-hostile-"));
after(() => rmSync(directory, { recursive: true, force: true }));
cpSync(join(root, "prompts"), join(directory, "prompts"), { recursive: true });
const file = join(directory, "openclaw.toml");
const env = new Environment(secrets);

/** A busy machine takes a few times as long as usual. */
const most = 8_000;

/** What is wrong with a text; "" where nothing is. */
function wrongWith(text: string): string {
  writeFileSync(file, text);
  const began = performance.now();
  try {
    loadConfig(file, { env, tools });
    return "";
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError, thrown instanceof Error ? thrown.stack : String(thrown));
    assert.ok(thrown.problems.length > 0 && thrown.problems.every(({ problem, fix }) => problem !== "" && fix !== ""));
    assert.doesNotMatch(thrown.message, /canary/);
    return thrown.message;
  } finally {
    assert.ok(performance.now() - began < most);
  }
}

test("any change of the example's tables and values is taken, or refused with what is wrong", () => {
  // With every option that is off switched on.
  const everything = parse(example.replaceAll(/^#(?=[a-z_]+ = |\[)/gm, ""));
  let refused = 0;
  fc.assert(
    fc.property(mutated([parse(example), everything]), (document) => {
      let text: string;
      try {
        text = stringify(document);
      } catch {
        return;
      }
      if (wrongWith(text) !== "") refused += 1;
    }),
    { numRuns: 600 },
  );
  assert.ok(refused > 100, String(refused));
});

const odd = `[ ] " """ ' ''' { } = # \\ \\u0000 [[a]] a.b=1 [a.__proto__] [constructor] 0x 1e999 inf nan 2026-99-99 \u0000 \r`;

test("any change of the example's text is taken, or refused with what is wrong", () => {
  const more = fc.oneof(
    fc.constantFrom(...odd.split(" "), "9".repeat(400)),
    fc.string({ maxLength: 8, unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.nat(example.length), fc.nat(40), more, (at, cut, text) => {
      wrongWith(example.slice(0, at) + text + example.slice(at + cut));
    }),
    { numRuns: 600 },
  );
});

const deep: Record<string, string> = {
  "lists in lists": `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  "tables in tables": `a = ${"{b=".repeat(50_000)}1${"}".repeat(50_000)}`,
  "a key of very many parts": `[${"a.".repeat(20_000)}a]\nb = 1`,
  "lists in lists, a few hundred": `a = ${"[".repeat(500)}${"]".repeat(500)}`,
};
for (const [what, text] of Object.entries(deep))
  test(`${what} are told to be nested too deeply`, () => assert.match(wrongWith(text), /nest|depth/i));

test("any .env is read, and a value is set in it", () => {
  const env = join(directory, ".env");
  const line = fc.oneof(
    fc.constantFrom('A="', "A='\n", "A=`", "export A = 1", "=", "A", "__proto__=1", "A=\0", "\r\n", "\n", "#", '"'),
    fc.string({ maxLength: 10, unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      writeFileSync(env, lines.join(""));
      for (const value of Object.values(readEnvFile(env))) assert.equal(typeof value, "string");
      setInEnvFile(env, { B: "new" });
      assert.match(readFileSync(env, "utf8"), /^B=new$/m);
      assert.deepEqual(Object.keys(Object.prototype), []);
    }),
    { numRuns: 300 },
  );
});
