/**
 * The image that the Containerfile begins with, made here: a minimal Debian with this Node and this machine's npm, where the official
 * image has them, under the official image's name. So the build is the real one, without a registry of images.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, realpath, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readHostApt } from "../../live/support/host-apt.ts";
import { output } from "./command.ts";
import { deployFolder } from "./container-store.ts";
import { findProgram } from "./tools.ts";

type Environment = Readonly<Record<string, string>>;

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const suite = "trixie";

/** The name that the Containerfile gives its base where nobody gives another. */
export async function baseName(containerfile: string): Promise<string> {
  const [, name] = /^ARG NODE_IMAGE=(\S+)$/m.exec(await readFile(containerfile, "utf8")) ?? [];
  if (name === undefined) throw new Error(`${containerfile} has no line ARG NODE_IMAGE=…`);
  return name;
}

/** Makes the base under this name in the storage of `env`, unless it is there. */
export async function ensureNodeBase(name: string, env: Environment): Promise<void> {
  const version = `${process.version} ${suite}`;
  const made = await output(["buildah", "images", "--quiet", "--filter", `label=openclaw.base=${version}`, name], env)
    // It fails where there is no image of that name.
    .catch(() => "");
  if (made !== "") return;
  const layout = join(deployFolder, "node");
  await layOutNode(layout);
  const container = await output(["buildah", "from", "scratch"], env);
  try {
    for (const folder of [await ensureDebian(env), layout])
      await output(["buildah", "copy", "--quiet", container, folder, "/"], env);
    await output(
      [
        "buildah",
        "config",
        "--label",
        `openclaw.base=${version}`,
        "--env",
        "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        container,
      ],
      env,
    );
    await output(["buildah", "commit", "--quiet", "--format", "docker", container, name], env);
  } finally {
    await output(["buildah", "rm", container], env);
    await rm(layout, { recursive: true, force: true });
  }
}

/** A minimal Debian in a folder, by debootstrap: 20 s and 210 MB, the first time. */
async function ensureDebian(env: Environment): Promise<string> {
  const folder = join(deployFolder, `debian-${suite}`);
  if (existsSync(folder)) return folder;
  const apt = await readHostApt();
  const begun = `${folder}.begun`;
  await rm(begun, { recursive: true, force: true });
  const options = ["--variant=minbase", "--force-check-gpg", `--keyring=${keyring}`];
  await output(["debootstrap", ...options, suite, begun, apt.mirror], { ...env, ...apt.proxies });
  for (const rest of ["var/cache/apt/archives", "var/lib/apt/lists"])
    await rm(join(begun, rest), { recursive: true, force: true });
  await rename(begun, folder);
  return folder;
}

/** Node and npm as the official image has them. */
async function layOutNode(layout: string): Promise<void> {
  await rm(layout, { recursive: true, force: true });
  const bin = join(layout, "usr/local/bin");
  await mkdir(bin, { recursive: true });
  await cp(process.execPath, join(bin, "node"));
  const found = findProgram("npm");
  const npm = found === undefined ? "" : dirname(dirname(await realpath(found)));
  if (!existsSync(join(npm, "node_modules")))
    throw new Error("this machine's npm is not one folder with all it needs, as nodejs.org and nodesource install it");
  await cp(npm, join(layout, "usr/local/lib/node_modules/npm"), { recursive: true, dereference: true });
  for (const name of ["npm", "npx"]) await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(bin, name));
}
