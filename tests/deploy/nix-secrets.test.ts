/** The layout of nix/example: secrets in a repository of their own, encrypted by git-crypt, and out of the store. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Nix, type NixOutcome, root, startNix } from "./support/nix.ts";
import { needs } from "./support/tools.ts";

const { skip, why } = needs("nix", "git", "git-crypt");

describe(`secrets of a house on NixOS${why}`, { skip }, () => {
  let nix: Nix;
  before(() => {
    nix = startNix();
  });
  after(() => nix?.stop());

  const git = (folder: string, ...args: string[]): Buffer => {
    const identity = ["-c", "user.name=me", "-c", "user.email=me@home.example", "-c", "commit.gpgsign=false"];
    const env = { PATH: process.env["PATH"], HOME: nix.directory, GIT_CONFIG_NOSYSTEM: "1" };
    return execFileSync("git", [...identity, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  };
  /** A copy of a folder of the example. */
  const copy = (name: string, to: string): string => {
    const folder = join(nix.directory, to);
    cpSync(join(root, "nix/example", name), folder, { recursive: true });
    git(folder, "init", "--quiet");
    return folder;
  };

  test("are ciphertext in every commit, and plain after unlocking alone", () => {
    const folder = copy("secrets", "secrets");
    git(folder, "crypt", "init");
    const key = join(nix.directory, "git-crypt.key");
    git(folder, "crypt", "export-key", key);
    const files = {
      "openclaw.env": "OPENCLAW_KEY=CANARY\n",
      "postgres.env": "A=CANARY\n",
      "openclaw-token": "CANARY\n",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    git(folder, "add", ".");
    git(folder, "commit", "--quiet", "--message", "secrets");
    for (const name of Object.keys(files))
      assert.equal(git(folder, "show", `HEAD:${name}`).subarray(0, 10).toString("latin1"), "\0GITCRYPT\0");
    for (const name of [".gitattributes", "openclaw.env.example", "postgres.env.example"])
      assert.deepEqual(git(folder, "show", `HEAD:${name}`), readFileSync(join(root, "nix/example/secrets", name)));
    assert.equal(git(folder, "crypt", "status", "-e").toString().split("\n").length - 1, Object.keys(files).length);

    const clone = join(nix.directory, "clone");
    git(nix.directory, "clone", "--quiet", folder, clone);
    assert.doesNotMatch(readFileSync(join(clone, "openclaw.env"), "latin1"), /CANARY/);
    git(clone, "crypt", "unlock", key);
    for (const [name, text] of Object.entries(files)) assert.equal(readFileSync(join(clone, name), "utf8"), text);
  });

  describe("and the store", () => {
    let inputs: Record<string, string>;
    let house: string;
    before(() => {
      house = copy("house", "house");
      // The flake's own files; nixpkgs is not evaluated.
      const [nixpkgs, openclaw] = [join(nix.directory, "nixpkgs"), join(nix.directory, "openclaw")];
      mkdirSync(nixpkgs);
      writeFileSync(
        join(nixpkgs, "flake.nix"),
        "{ outputs = _: { lib.genAttrs = _: _: { }; lib.nixosSystem = { modules, ... }: map toString modules; }; }",
      );
      cpSync(join(root, "nix"), openclaw, { recursive: true });
      inputs = { nixpkgs: `path:${nixpkgs}`, openclaw: `path:${openclaw}` };
    });
    const evaluate = (): NixOutcome => {
      git(house, "add", ".");
      return nix.evaluateFlake(house, "nixosConfigurations.house", inputs);
    };

    test("the example's flake evaluates, with its modules", () => {
      const { status, stdout, stderr } = evaluate();
      assert.equal(status, 0, stderr);
      const modules = (JSON.parse(stdout) as string[]).map((file) => file.replace(/^.*-source/, ""));
      assert.deepEqual(modules, ["/module.nix", "/openclaw.nix", "/native.nix"]);
    });

    test("a folder that git ignores stays out of it", () => {
      mkdirSync(join(house, "secrets"));
      writeFileSync(join(house, "secrets/openclaw.env"), "OPENCLAW_KEY=CANARY-ignored\n");
      writeFileSync(join(house, ".gitignore"), "/secrets/\n");
      assert.equal(evaluate().status, 0);
      assert.deepEqual(nix.storedWith("CANARY-ignored"), []);
    });

    test("a folder that the flake tracks is copied in plain, and the flake refuses to evaluate", () => {
      rmSync(join(house, ".gitignore"));
      writeFileSync(join(house, "secrets/openclaw.env"), "OPENCLAW_KEY=CANARY-tracked\n");
      const { status, stderr } = evaluate();
      assert.equal(nix.storedWith("CANARY-tracked").length, 1);
      assert.notEqual(status, 0);
      assert.match(stderr, /secrets\/ is part of this flake's source, so its files are in the world-readable store/);
    });
  });
});
