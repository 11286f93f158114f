/** This machine's way to its npm registry, lent to a build: nothing of it is written into the project or an image. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./command.ts";

/** `--volume` values with npm's settings, its certificates and its cache; `scratch` is a folder for a file. */
export async function npmVolumes(scratch: string): Promise<string[]> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const setting = (name: string): Promise<string> => output(["npm", "config", "get", name], env);
  const [global, user, cafile, cache] = await Promise.all(
    ["globalconfig", "userconfig", "cafile", "cache"].map(setting),
  );
  const settings = [global, user].filter((file): file is string => file !== undefined && existsSync(file));
  const lines = await Promise.all(settings.map((file) => readFile(file, "utf8")));
  const certificates = [cafile, env["NODE_EXTRA_CA_CERTS"]].find((file) => file !== undefined && existsSync(file));
  const merged = join(scratch, ".npmrc-of-the-machine");
  const own = certificates === undefined ? "" : "cafile=/run/npm-certificates.pem\n";
  // Where a key is set twice, npm takes the last.
  await writeFile(merged, `${lines.join("\n")}\n${own}`, { mode: 0o600 });
  return [
    `${merged}:/root/.npmrc:ro`,
    ...(certificates === undefined ? [] : [`${certificates}:/run/npm-certificates.pem:ro`]),
    ...(cache !== undefined && existsSync(cache) ? [`${cache}:/root/.npm`] : []),
  ];
}
