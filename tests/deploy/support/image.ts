/** The image of this checkout, built as an operator builds it. */
import { createHash } from "node:crypto";
import { cp, mkdtemp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { acquireLock } from "../../support/lock.ts";
import { output } from "./command.ts";
import { deployFolder } from "./container-store.ts";
import { baseName, ensureNodeBase } from "./node-base.ts";
import { npmVolumes } from "./npm-volumes.ts";

type Environment = Readonly<Record<string, string>>;

const root = join(import.meta.dirname, "../../..");
const repository = "localhost/openclaw";
/** The version that the image is told it has. */
export const imageVersion = "0.0.0-test";

/** In every file that must not come into an image. */
export const canary = "canary-b1f7c0de-of-the-build-context";

/** What lies beside a checkout, or in one, and is nobody's business. */
const secrets = [
  ".env",
  ".git/config",
  ".npmrc",
  "openclaw.toml",
  "config/openclaw.toml",
  "config/.env",
  "config/appservice.yaml",
  "data/checkpoints.jsonl",
  "secrets/key",
  "backup.tar.age",
  "lib/.env",
  "functions/production.env",
  "prompts/.private.md",
  "tests/canary.test.ts",
  "docs/canary.md",
  "node_modules/canary/index.js",
];
/** What a checkout has at its top, as far as an image is made of it or must leave it out. */
const checkout = [
  ...["Containerfile", ".dockerignore", "package.json", "package-lock.json", "LICENSE", "README.md"],
  ...["functions", "lib", "drizzle", "prompts", "openclaw.example.toml", "appservice.yaml"],
];

/** Builds it in the storage of `env` with buildah, unless this very content was built there; gives its name. */
export async function ensureImage(env: Environment): Promise<string> {
  const release = await acquireLock(deployFolder);
  const context = await mkdtemp(join(tmpdir(), "openclaw-context-"));
  try {
    for (const name of checkout) await cp(join(root, name), join(context, name), { recursive: true });
    for (const name of secrets) {
      await mkdir(dirname(join(context, name)), { recursive: true });
      await writeFile(join(context, name), `${canary}\n`);
    }
    const name = `${repository}:${await hashOf(context)}`;
    const there = (await output(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"], env)).split("\n");
    if (there.includes(name)) return name;
    const base = await baseName(join(context, "Containerfile"));
    await ensureNodeBase(base, env);
    const options = ["--quiet", "--pull-never", "--format", "docker", "--build-arg", `VERSION=${imageVersion}`];
    const volumes = (await npmVolumes(context)).flatMap((volume) => ["--volume", volume]);
    await output(
      ["buildah", "bud", ...options, ...volumes, "--tag", name, "--file", "Containerfile", "."],
      env,
      context,
    );
    // Of earlier contents; one that is in use stays.
    for (const old of there.filter((other) => other.startsWith(`${repository}:`)))
      await output(["buildah", "rmi", old], env).catch(() => undefined);
    return name;
  } finally {
    await rm(context, { recursive: true, force: true });
    release();
  }
}

async function hashOf(context: string): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  const entries = await readdir(context, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(file.slice(context.length)).update(await readFile(file));
  return hash.digest("hex").slice(0, 16);
}
