import { parseEnv } from "node:util";
import { ClawError } from "../errors.ts";

/** `NAME=value` as Node's parseEnv gives the value back. Throws ClawError `environment` where no quotes can hold it. */
export function envLine(name: string, value: string): string {
  for (const quote of ["", "'", '"', "`"]) {
    const line = `${name}=${quote}${value}${quote}`;
    const read = parseEnv(line);
    if (Object.keys(read).length === 1 && read[name] === value) return line;
  }
  throw new ClawError("environment", `${name}: this value cannot be written into a .env: it has every kind of quote`);
}
