/** What keys of openclaw.toml are made of. */
import { z } from "zod";

export const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "must be lower-case letters, digits and '-', begin with a letter, 32 at most");

/** A secret by reference. A literal is refused, so that the file can be shown and committed. */
export const secretRef = z.union(
  [
    z.strictObject({
      env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the NAME of a variable, never the secret itself"),
    }),
    z.strictObject({ file: z.string().startsWith("/", "must be an absolute path") }),
    z.strictObject({
      credential: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "must be the NAME in LoadCredential=NAME:…"),
    }),
  ],
  { error: 'must be { env = "NAME" }, { file = "/absolute/path" } or { credential = "NAME" }' },
);

/** A person on a channel, by full Matrix id or numeric Telegram id. */
export const principal = z
  .string()
  .regex(
    /^(matrix:@[^\s:]+:[^\s]+|telegram:[1-9][0-9]{0,15})$/,
    'must be a full id: "matrix:@name:server" or "telegram:123456789" (numeric; usernames can be recycled)',
  );

export const roomId = z
  .string()
  .regex(/^![^\s]+$/, 'must be a room id such as "!abc:home.example" (an alias can be moved)');

/** A room of either channel, as groups and rooms name it. */
export const roomName = z
  .string()
  .regex(
    /^(matrix:![^\s]+|telegram:-[1-9][0-9]{0,15})$/,
    'must be a room: "matrix:!room:server" or "telegram:-1001234567890" (a group chat)',
  );

/** A room or chat that messages are sent to. */
export const place = z
  .string()
  .regex(
    /^(matrix:![^\s]+|telegram:-?[1-9][0-9]{0,15})$/,
    'must be a Matrix room ("matrix:!room:server") or a Telegram chat ("telegram:-100123456")',
  );

export const timezone = z
  .string()
  .refine((zone) => isTimeZone(zone), 'must be an IANA time zone such as "Europe/Berlin"');

/** Offsets and other spellings are zones to Intl, but not to systemd. */
function isTimeZone(zone: string): boolean {
  if (!/^[A-Z][\w+-]*(\/[A-Z][\w+-]*)*$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** A host name as URLs give it, or all below one. */
export const hostPattern = z
  .string()
  .regex(
    /^((\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/,
    'must be a host in lower case, or "*.home.example" for all below it',
  );

/** An argument of a tool, dotted into nested ones. */
export const argumentPath = z.string().regex(/^[^\s.]+(\.[^\s.]+)*$/, "must be an argument, such as url or target.url");

export const toolGlob = z
  .string()
  .regex(/^(\*|[a-z][a-z0-9]*_\*|[a-z][a-z0-9]*(_[a-z0-9]+)+)$/, 'must be a tool, a family ("alerts_*") or "*"');

export const agentGlob = z.string().regex(/^(\*|[a-z][a-z0-9-]{0,31})$/, 'must be an agent\'s name or "*"');

export const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:]+):[0-9]{1,5}$/, 'must be "address:port", such as "127.0.0.1:8081"')
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "must have a port up to 65535");

export const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s/@]+(\/[^\s]*)?$/, "must be an http:// or https:// URL, without user or password in it")
  .transform((url) => url.replace(/\/+$/, ""));

export const serverName = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$/, 'must be a server name such as "home.example"');

export const localpart = z.string().regex(/^[a-z0-9._=\-/+]+$/, "must be a Matrix localpart (lower case)");

export const money = z.number().nonnegative();
/** A day at most: longer timers overflow. */
export const seconds = z.number().positive().max(86_400);
export const count = z.int().positive();
