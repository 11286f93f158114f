/** Every secret that a config holds, found by its type, so that none is forgotten that is added later. */
import type { Config } from "../config/config.ts";
import { Secret } from "../config/secret.ts";

/** Secrets with their keys as openclaw.toml has them: `telegram.home.webhook_secret`. */
export function secretsIn(config: Config): [key: string, secret: Secret][] {
  const found: [string, Secret][] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    if (value instanceof Secret) found.push([keyOf(path), value]);
    else if (value instanceof Map)
      for (const [name, item] of value as Map<string, unknown>) walk(item, [...path, name]);
    else if (typeof value === "object" && value !== null)
      for (const [name, item] of Object.entries(value)) walk(item, [...path, snake(name)]);
  };
  walk(config, []);
  return found;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The assembled config has some of them in other places than the file. */
function keyOf(path: readonly string[]): string {
  const key = path.join(".");
  if (key === "token" || key === "previous_token") return `listen.${key}`;
  return key.replace(/^services\./, "tools.").replace(/^(mcp\.[^.]+)\.reach\./, "$1.");
}

/** Shorter ones are words that a text may have anyway. */
const leastLength = 6;

/** Takes out of a text whatever of the config's secrets is in it. Errors of ours hold none; this is for all others. */
export function withoutSecrets(config: Config): (text: string) => string {
  const values = new Set(
    secretsIn(config)
      .flatMap(([, secret]) => partsOf(secret.reveal()))
      .filter((value) => value.length >= leastLength),
  );
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((left, value) => left.replaceAll(value, "[secret]"), text);
}

/** A secret, and of a URL the password alone too; both also as they stand in a URL. */
function partsOf(value: string): string[] {
  const password = URL.parse(value)?.password ?? "";
  return [value, encodeURIComponent(value), password, decodeURIComponent(password)];
}
