import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { messageOf } from "../errors.ts";
import { deepest, isTooDeep } from "../nesting.ts";
import { ConfigError } from "./problem.ts";

/** Reads a TOML file. Throws ConfigError where it is missing, unreadable or not TOML. */
export function readToml(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError([{ file, key: "", ...explainUnreadable(cause) }], cause);
  }
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The parser's message quotes the source line, which may hold a secret someone pasted: only the place is shown.
    const what = (cause.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "");
    const place = { file: `${file}:${cause.line}:${cause.column}`, key: "" };
    throw new ConfigError([{ ...place, problem: `not valid TOML: ${what}`, fix: hintFor(what) }]);
  }
  if (!isTooDeep(document)) return document;
  const fix = "compare the file with openclaw.example.toml";
  throw new ConfigError([{ file, key: "", problem: `is nested more than ${deepest} levels deep`, fix }]);
}

function explainUnreadable(cause: unknown): { problem: string; fix: string } {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT")
    return {
      problem: "there is no such file",
      fix: "make one with `claw init`, or name another by --config FILE or OPENCLAW_CONFIG",
    };
  if (code === "EACCES") return { problem: "may not be read", fix: "let this user read it" };
  return { problem: `cannot be read (${messageOf(cause)})`, fix: "check the path" };
}

function hintFor(what: string): string {
  if (/redefine|already defined/.test(what)) return "the same key or [section] is written twice: keep one";
  if (/value/.test(what)) return 'write text in quotes, key = "text"; true, false and numbers go without';
  if (/string|newline|quote/.test(what)) return "close the quotes on the line where they open";
  if (/key|table/.test(what)) return "write key = value on one line and sections as [agents.ops]; quote odd keys";
  return "compare the line with openclaw.example.toml";
}
