/** Nix with a store of its own in a temporary folder, for what evaluates without nixpkgs. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The project's folder. */
export const root = join(import.meta.dirname, "../../..");

export interface Nix {
  /** A folder for the test's own files. */
  readonly directory: string;
  /** Where the store's files are; Nix itself calls it /nix/store. */
  readonly store: string;
  /** The value of an expression. Throws with Nix's words. */
  evaluate<Value>(expression: string): Value;
  /** `nix eval` of a flake's output. */
  evaluateFlake(directory: string, output: string, inputs: Readonly<Record<string, string>>): NixOutcome;
  /** The files of the store that hold a text. */
  storedWith(text: string): string[];
  /** Parses files without evaluating them. */
  parse(files: readonly string[]): void;
  stop(): void;
}

export interface NixOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startNix(): Nix {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-nix-"));
  const env = { PATH: process.env["PATH"], HOME: directory, NIX_REMOTE: `local?root=${directory}/root` };
  const options = { encoding: "utf8", env, maxBuffer: 64 * 1024 * 1024 } as const;
  const run = (program: string, args: readonly string[]): NixOutcome => spawnSync(program, args, options);
  const succeed = (program: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = run(program, args);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  return {
    directory,
    store: join(directory, "root/nix/store"),
    evaluate: <Value>(expression: string) =>
      JSON.parse(
        succeed("nix-instantiate", ["--eval", "--read-write-mode", "--strict", "--json", "--expr", expression]),
      ) as Value,
    storedWith: (text) =>
      run("grep", ["-rlF", "--", text, join(directory, "root")])
        .stdout.split("\n")
        .filter((line) => line !== ""),
    parse: (files) => void succeed("nix-instantiate", ["--parse", ...files]),
    evaluateFlake(flake, output, inputs) {
      const features = ["--extra-experimental-features", "nix-command flakes"];
      const overrides = Object.entries(inputs).flatMap(([name, url]) => ["--override-input", name, url]);
      return run("nix", [...features, "eval", "--json", "--no-write-lock-file", ...overrides, `${flake}#${output}`]);
    },
    stop() {
      // What is in a store is read-only.
      execFileSync("chmod", ["-R", "u+w", directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A string in Nix's own writing. */
export const nixString = (text: string): string => JSON.stringify(text).replaceAll("${", "\\${");
