/** A house of NixOS without NixOS: the module is evaluated, and what it would build is built by the scripts it has for that. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import { type Nix, root } from "./nix.ts";

/** A unit as NixOS takes it; only what the module sets. */
export interface NixUnit {
  readonly after?: readonly string[];
  readonly requires?: readonly string[];
  readonly wantedBy?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly serviceConfig?: Readonly<Record<string, unknown>>;
  readonly unitConfig?: Readonly<Record<string, unknown>>;
}
type Units = Readonly<Record<string, NixUnit>>;

/** What the module makes of a house. */
export interface House {
  readonly problems: readonly string[];
  readonly builds: readonly { readonly name: string; readonly script: string }[];
  /** Commands for the operator, as shell text. */
  readonly commands: Readonly<Record<string, string>>;
  readonly services: Units;
  readonly timers: Units;
  readonly user: { readonly services: Units; readonly timers: Units };
  readonly postgresql: Readonly<Record<string, unknown>>;
  readonly synapse: Readonly<Record<string, unknown>>;
  readonly users: Readonly<Record<string, unknown>>;
}

/** A folder that holds nixpkgs' own `lib`, to be used in place of our stand-in; undefined where there is none. */
export const nixpkgs = process.env["OPENCLAW_NIXPKGS"];

/** The expression of a house; `more`: a further module, as Nix. */
export function houseOf(files: readonly string[], more = "{ }", lib = ""): string {
  const houses = [
    ...files.map((file) => (file.startsWith("/") ? file : `${root}/nix/example/house/${file}`)),
    `(${more})`,
  ];
  return `import ${root}/tests/deploy/support/nix/evaluate-module.nix { houses = [ ${houses.join(" ")} ]; ${lib} }`;
}

/** Where a stand-in for a store path is. */
const fake = /\/nix\/store\/0{32}-/g;

/** Builds all of a house into `folder`, each below its name: openclaw-config, openclaw-units. */
export function buildHouse(nix: Nix, house: House, folder: string): void {
  const program = (name: string, script: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/bash\nset -eu\n${script}\n`, { mode: 0o755 });
  };
  program("openclaw/bin/claw", `exec ${process.execPath} ${root}/functions/claw.ts "$@"`);
  mkdirSync(join(folder, "openclaw/lib"));
  symlinkSync(root, join(folder, "openclaw/lib/openclaw"));
  symlinkSync(root, join(folder, "source"));
  mkdirSync(join(folder, "nodejs/bin"), { recursive: true });
  symlinkSync(process.execPath, join(folder, "nodejs/bin/node"));
  for (const [name, text] of Object.entries(house.commands)) program(`bin/${name}`, placed(nix, text, folder));
  writeToml(nix);
  const path = `${folder}/openclaw/bin:${process.env["PATH"]}`;
  for (const { name, script } of house.builds) {
    const env = { PATH: path, TMPDIR: nix.directory, out: join(folder, name) };
    execFileSync("bash", ["-euc", placed(nix, script, folder)], { env, stdio: ["ignore", "ignore", "pipe"] });
  }
}

/** A text whose store paths are where this test has them. */
export const placed = (nix: Nix, text: string, folder: string): string =>
  text.replaceAll(fake, `${folder}/`).replaceAll("/nix/store/", `${nix.store}/`);

/** nixpkgs' generator writes TOML, our stand-in JSON. */
function writeToml(nix: Nix): void {
  for (const name of readdirSync(nix.store).filter((file) => file.endsWith("-openclaw.toml"))) {
    const file = join(nix.store, name);
    const text = readFileSync(file, "utf8");
    if (!text.startsWith("{")) continue;
    chmodSync(file, 0o644);
    writeFileSync(file, stringify(JSON.parse(text) as Record<string, unknown>));
  }
}

/** Puts units and their drop-ins into one folder, as NixOS does. */
export function installUnits(nix: Nix, units: string, dropIns: Units, folder: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(units)) copyFileSync(join(units, file), join(to, file));
  for (const [name, unit] of Object.entries(dropIns)) {
    mkdirSync(join(to, `${name}.service.d`));
    writeFileSync(join(to, `${name}.service.d/overrides.conf`), placed(nix, dropIn(unit), folder));
  }
}

function dropIn({ after = [], requires = [], environment = {}, serviceConfig = {} }: NixUnit): string {
  const lines = (key: string, value: unknown): string[] =>
    (Array.isArray(value) ? value : [value]).map((item) => `${key}=${String(item)}`);
  return [
    "[Unit]",
    ...lines("After", after),
    ...lines("Requires", requires),
    "[Service]",
    ...Object.entries(environment).map(([name, value]) => `Environment="${name}=${value}"`),
    ...Object.entries(serviceConfig).flatMap(([key, value]) => lines(key, value)),
    "",
  ].join("\n");
}
