/** The config: what it says that is hardly meant, and how its secrets are kept. */
import { dirname, join } from "node:path";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/problem.ts";
import { configWarnings } from "../policy/warnings.ts";
import { type Check, counted, fail, type Finding, findingOf, ok, type Result, skipped, warn } from "./check.ts";
import { lockOf, lookAtSecretFile, type SecretFile } from "./secret-file.ts";
import { secretsIn } from "./secrets.ts";

/** Files that `claw init` and `claw matrix register` put beside the config, and that hold secrets. */
const secretFiles = [".env", "appservice.yaml", "postgres.env"];

/** `named`: files that secrets are read from, by the config; `contained`: it looks from within the gateway's container. */
export function configChecks(
  config: Config,
  named: readonly string[],
  { contained = false }: { readonly contained?: boolean } = {},
): Check[] {
  return [
    {
      name: "config",
      look: async () =>
        ok(`${config.file}: ${counted(config.agents.size, "agent")}, ${counted(config.jobs.size, "job")}`),
    },
    {
      name: "config.hints",
      look: async () => {
        const hints = configWarnings(config, { contained }).map((hint) =>
          warn(hint, "change it, or leave it where it is meant; `claw check` shows who may do what"),
        );
        return hints.length > 0 ? hints : ok("nothing in it looks unmeant");
      },
    },
    { name: "config.files", look: () => lookAtFiles(dirname(config.file), named) },
    { name: "config.secrets", look: async () => lookAtSecrets(config) },
  ];
}

/** What a config that cannot be loaded tells instead: each of its problems. */
export async function configProblems(file: string, thrown: unknown): Promise<Result[]> {
  const lock = await lockOf(join(dirname(file), ".env"));
  const locked = lock ? [lock] : [];
  if (!(thrown instanceof ConfigError)) return [...locked, findingOf(thrown)].map(named);
  const told = thrown.problems.map(({ file: at, key, problem, fix }) =>
    fail(`${at}: ${key && `${key}: `}${problem}`, fix),
  );
  return [...locked, ...told].map(named);
}

const named = (finding: Finding): Result => ({ ...finding, name: "config" });

async function lookAtFiles(folder: string, named: readonly string[]): Promise<readonly Finding[]> {
  const files = [...new Set([...secretFiles.map((name) => join(folder, name)), ...named])];
  const looks = await Promise.all(files.map(lookAtSecretFile));
  const wrong = looks.flatMap((found: SecretFile) => (found === "absent" ? [] : found));
  if (wrong.length > 0) return wrong;
  const there = looks.filter((found) => found !== "absent").length;
  return [
    there === 0
      ? skipped("no file with secrets lies beside the config")
      : ok(`${counted(there, "file")} with secrets, for its owner's eyes`),
  ];
}

/** What `loadConfig` cannot refuse, since some server may want it so. */
function lookAtSecrets(config: Config): readonly Finding[] {
  const secrets = secretsIn(config);
  const findings: Finding[] = [];
  const holders = new Map<string, string>();
  for (const [key, secret] of secrets) {
    const value = secret.reveal();
    if (value === "") continue;
    const part = key.split(".").at(-1) ?? "";
    if (part.startsWith("previous_"))
      findings.push(
        warn(
          `${key} is still set: what it was replaced by is not alone yet`,
          `once nothing shows the old one any more, take it out and reload (SIGHUP)`,
        ),
      );
    if (!ours.test(key)) continue;
    if (/^matrix\./.test(key) && value.length < 32)
      findings.push(
        warn(`${key} has ${value.length} characters`, "make new tokens: `claw matrix register`, which takes 64 each"),
      );
    const holder = holders.get(value);
    if (holder === undefined) holders.set(value, key);
    else findings.push(warn(`${key} is the same as ${holder}`, "give each its own: who learns one has both"));
  }
  return findings.length > 0 ? findings : [ok(`${counted(secrets.length, "secret")}, no two alike`)];
}

/** Those that are made here, and so can be made anew. */
const ours = /^(key|listen\.token|matrix\.(as|hs)_token|telegram\.[^.]+\.webhook_secret)$/;
