/** `npm run supply-chain`: whether what is installed is what was chosen. Exit code 1 with every problem; of a registry that gives no signatures it says so. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lock, lockProblems, type Manifest } from "./lock-problems.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));

const lock = read("package-lock.json") as Lock;
const problems = lockProblems(lock, read("package.json") as Manifest);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else
  console.log(
    `package-lock.json: ${Object.keys(lock.packages ?? {}).length - 1} packages of the registry, each by its SHA-512`,
  );

const { stdout, error } = spawnSync(
  "npm",
  ["audit", "signatures", "--json", "--fetch-retries=0", "--fetch-timeout=20000"],
  { cwd: root, encoding: "utf8", timeout: 120_000 },
);
console.log(signatures(stdout, error));

interface Named {
  readonly name: string;
  readonly version: string;
}

interface Answer {
  readonly invalid?: readonly Named[];
  readonly missing?: readonly Named[];
  readonly error?: { readonly summary?: string };
}

/** What is known of the registry's signatures; one that is false, or missing where the registry has keys, is a problem. */
function signatures(text: string, failed: Error | undefined): string {
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    return `signatures: NOT CHECKED, npm gave no answer${failed ? ` (${failed.message})` : ""}`;
  }
  if (!answer.invalid || !answer.missing)
    return `signatures: NOT CHECKED, ${answer.error?.summary ?? "npm gave no result"}`;
  const wrong = [...answer.invalid, ...answer.missing].map(({ name, version }) => `${name}@${version}`);
  if (wrong.length === 0) return "signatures: the registry signed every package";
  process.exitCode = 1;
  return `signatures: FALSE OR MISSING: ${wrong.join(", ")}`;
}
