/** Programs that a machine may lack: a test of what they run says in its title that it was skipped, and why. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];

/** Where a program is; undefined where it is not. */
export function findProgram(name: string): string | undefined {
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A test's options and the end of its title: skipped where one of these programs is missing, with its name. */
export function needs(...programs: readonly string[]): { readonly skip: boolean; readonly why: string } {
  const missing = programs.filter((name) => findProgram(name) === undefined);
  return { skip: missing.length > 0, why: missing.length > 0 ? ` (skipped: no ${missing.join(", ")})` : "" };
}

/** As `needs`, for a test that only root can run. */
export function needsRoot(...programs: readonly string[]): { readonly skip: boolean; readonly why: string } {
  return process.getuid?.() === 0 ? needs(...programs) : { skip: true, why: " (skipped: not root)" };
}
