/**
 * The unreleased section of CHANGELOG.md in this directory becomes that of package.json's version: the `version` script. With
 * `--check` nothing is written, so that a release of which nothing is told ends before anything is changed.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { releaseChangelog } from "./release-changelog.ts";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const released = releaseChangelog(readFileSync("CHANGELOG.md", "utf8"), version, new Date().toISOString().slice(0, 10));
if (released === undefined) {
  console.error("CHANGELOG.md tells nothing new: put what an operator notices under `## (unreleased)` at its top");
  process.exitCode = 1;
} else if (!process.argv.includes("--check")) writeFileSync("CHANGELOG.md", released);
