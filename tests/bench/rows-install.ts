/** What an installation brings: the production dependencies by our lock file, without the optional ones. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Row } from "./context.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Installs into a folder that is removed again; needs the registry, or npm's cache. */
export function installRow(): Row {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-bench-install-"));
  try {
    for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(root, file), join(directory, file));
    const options = ["--omit=dev", "--omit=optional", "--no-audit", "--no-fund", "--prefer-offline"];
    execFileSync("npm", ["ci", ...options], { cwd: directory, stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 });
    const modules = join(directory, "node_modules");
    const megabytes = Number(execFileSync("du", ["-sm", modules], { encoding: "utf8" }).split("\t")[0]);
    const packages = countPackages(modules);
    return {
      what: "install, production dependencies, without embedded PostgreSQL and Node",
      measured: `${megabytes} MB, ${packages} packages`,
      target: "< 190 MB",
      met: megabytes < 190,
      figures: { megabytes, packages },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function countPackages(modules: string): number {
  let count = 0;
  for (const name of readdirSync(modules)) {
    if (name.startsWith(".")) continue;
    const inside = name.startsWith("@") ? readdirSync(join(modules, name)).map((each) => join(name, each)) : [name];
    for (const each of inside) {
      count += 1;
      const nested = join(modules, each, "node_modules");
      if (existsSync(nested)) count += countPackages(nested);
    }
  }
  return count;
}
