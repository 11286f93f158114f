import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { type Draft, draftOf } from "./draft.ts";
import type { Environment } from "./environment.ts";
import type { Problems } from "./problem.ts";
import type { SecretRef } from "./schema.ts";
import { Secret } from "./secret.ts";
import { readToml } from "./toml.ts";

/** A secret that was not asked for; using it is a mistake and throws, so that nothing is ever compared with "". */
class UnreadSecret extends Secret {
  override reveal(): string {
    throw new Error("this secret was not read: the config was loaded without secrets");
  }
}

/** Every secret of the config by its key, such as `telegram.home.token`. */
export type Secrets = ReadonlyMap<string, Secret>;

/** Reads every secret that is referred to, and checks the values as far as their use demands. */
export function resolveSecrets(draft: Draft, env: Environment, problems: Problems): Secrets {
  return readSecrets(secretRefs(draft), env, problems);
}

/** The secrets of one section; stand-ins for all others. */
export function sectionSecrets(
  section: "database" | "matrix",
  draft: Draft,
  env: Environment,
  problems: Problems,
): Secrets {
  const isOfSection = (key: string): boolean => key.startsWith(`${section}.`);
  const refs = secretRefs(draft).filter(([key]) => isOfSection(key));
  const others = [...unreadSecrets(draft)].filter(([key]) => !isOfSection(key));
  return new Map([...others, ...readSecrets(refs, env, problems)]);
}

function readSecrets(refs: readonly [string, SecretRef][], env: Environment, problems: Problems): Secrets {
  const secrets = new Map<string, Secret>();
  for (const [key, ref] of refs.filter((each) => isWanted(each, env))) {
    const value = readSecret(key, ref, env, problems);
    if (value === undefined) continue;
    if (/[\r\n]/.test(value))
      problems.add(key, `${placeOf(ref)} has more than one line`, "keep the secret alone in it");
    else secrets.set(key, new Secret(value));
  }
  checkValues(secrets, problems);
  if (!secrets.has("database.url") && env.databaseUrl !== undefined)
    checkDatabaseUrl("DATABASE_URL", env.databaseUrl, problems);
  return secrets;
}

/** Whether there must be a secret where a reference leads: one from before a rotation may be gone. */
export const isWanted = ([key, ref]: readonly [string, SecretRef], env: Environment): boolean =>
  !isPrevious(key) || !isAbsent(ref, env);

/** Whether the secret of a key is there only while another is rotated. */
export const isPrevious = (key: string): boolean => /\.previous_[a-z_]+$/.test(key);

/** Whether there is nothing where a secret would be; what is there and cannot be read is not nothing. */
function isAbsent(ref: SecretRef, env: Environment): boolean {
  if ("env" in ref) return !env.get(ref.env)?.trim();
  const directory = env.credentialsDirectory;
  if ("credential" in ref && directory === undefined) return true;
  try {
    return readFileSync("file" in ref ? ref.file : join(directory ?? "", ref.credential), "utf8").trim() === "";
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function readSecret(key: string, ref: SecretRef, env: Environment, problems: Problems): string | undefined {
  if ("env" in ref) return fromEnvironment(key, ref.env, env, problems);
  if ("file" in ref) return fromFile(key, ref.file, problems);
  const directory = env.credentialsDirectory;
  if (directory !== undefined) return fromFile(key, join(directory, ref.credential), problems);
  problems.add(
    key,
    `the credential ${ref.credential} is not there: CREDENTIALS_DIRECTORY is not set`,
    `give the service LoadCredential=${ref.credential}:/path, or run this inside of it; elsewhere name a folder of such files by CREDENTIALS_DIRECTORY`,
  );
  return undefined;
}

/** Stand-ins for every secret, for a check on a machine that has none of them. */
export const unreadSecrets = (draft: Draft): Secrets =>
  new Map(secretRefs(draft).map(([key]) => [key, new UnreadSecret("")]));

/** Absolute paths of the files that a config, valid or not, reads secrets from; systemd's credentials are its own matter. */
export const secretFilesOf = (configFile: string): string[] =>
  secretRefs(draftOf(readToml(configFile))).flatMap(([, ref]) => ("file" in ref ? [ref.file] : []));

/** Every secret that a config refers to, by its key. */
export function secretRefs(draft: Draft): [string, SecretRef][] {
  const refs: [string, SecretRef | undefined][] = [
    ["key", draft.key],
    ["database.url", draft.database?.url],
    ["database.owner_url", draft.database?.owner_url],
    ["matrix.as_token", draft.matrix?.as_token],
    ["matrix.hs_token", draft.matrix?.hs_token],
    ["matrix.previous_as_token", draft.matrix?.previous_as_token],
    ["matrix.previous_hs_token", draft.matrix?.previous_hs_token],
  ];
  for (const [name, backend] of Object.entries(draft.backends ?? {}))
    refs.push([`backends.${name}.api_key`, backend?.api_key]);
  for (const [name, bot] of Object.entries(draft.telegram ?? {}))
    refs.push(
      [`telegram.${name}.token`, bot?.token],
      [`telegram.${name}.webhook_secret`, bot?.webhook_secret],
      [`telegram.${name}.previous_webhook_secret`, bot?.previous_webhook_secret],
    );
  for (const [name, server] of Object.entries(draft.mcp ?? {})) {
    for (const [variable, value] of Object.entries(server?.env ?? {}))
      if (typeof value === "object") refs.push([`mcp.${name}.env.${variable}`, value]);
    for (const [header, ref] of Object.entries(server?.headers ?? {}))
      refs.push([`mcp.${name}.headers.${header}`, ref]);
  }
  refs.push(
    ["listen.token", draft.listen?.token],
    ["listen.previous_token", draft.listen?.previous_token],
    ...serviceSecrets(draft),
  );
  return refs.filter((entry): entry is [string, SecretRef] => entry[1] !== undefined);
}

function serviceSecrets({ tools }: Draft): [string, SecretRef | undefined][] {
  const calendars = Object.entries(tools?.calendar?.calendars ?? {});
  return [
    ["tools.alerts.token", tools?.alerts?.token],
    ["tools.alerts.password", tools?.alerts?.password],
    ...calendars.map(([name, of]): [string, SecretRef | undefined] => [
      `tools.calendar.calendars.${name}.password`,
      of?.password,
    ]),
    ["tools.feeds.token", tools?.feeds?.token],
    ["tools.tasks.token", tools?.tasks?.token],
  ];
}

function placeOf(ref: SecretRef): string {
  if ("env" in ref) return `the environment variable ${ref.env}`;
  return "file" in ref ? ref.file : `the credential ${ref.credential}`;
}

function fromEnvironment(key: string, name: string, env: Environment, problems: Problems): string | undefined {
  const value = env.get(name)?.trim();
  if (value) return value;
  const state = value === undefined ? "not set" : "empty";
  const how = key === "key" ? "make one with `claw keys new` and set it" : `set ${name}=…`;
  problems.add(key, `the environment variable ${name} is ${state}`, `${how} in the service's env_file`);
  return undefined;
}

/** At boot a file may be late: a mount, or what decrypts it. */
function fromFile(key: string, file: string, problems: Problems): string | undefined {
  let value: string;
  try {
    value = readFileSync(file, "utf8").trim();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    if (code === "ENOENT") problems.addPassing(key, `there is no file ${file}`, "put the secret there, alone");
    else if (code === "EACCES") problems.addPassing(key, `${file} may not be read`, "let this user read it");
    else
      problems.addPassing(
        key,
        `${file} cannot be read (${code ?? messageOf(cause)})`,
        "name a file that holds the secret",
      );
    return undefined;
  }
  if (value) return value;
  problems.addPassing(key, `${file} is empty`, "put the secret there, alone");
  return undefined;
}

function checkValues(secrets: Secrets, problems: Problems): void {
  const holders = new Map<string, string>();
  for (const [key, secret] of secrets) {
    const value = secret.reveal();
    if (key === "key") checkKey(value, problems);
    if (key === "database.url" || key === "database.owner_url") checkDatabaseUrl(key, value, problems);
    if (/\.(previous_)?webhook_secret$/.test(key)) checkWebhookSecret(key, value, problems);
    if (/^listen\.(previous_)?token$/.test(key) && value.length < 32)
      problems.add(key, "is shorter than 32 characters", "make one with `openssl rand -hex 32`");
    if (isPrevious(key)) checkPrevious(key, value, secrets, problems);
    if (!/^matrix\.[ah]s_token$/.test(key) && !/^telegram\.[^.]+\.token$/.test(key)) continue;
    const holder = holders.get(value);
    if (holder !== undefined) problems.add(key, `is the same secret as ${holder}`, "each needs its own");
    else holders.set(value, key);
  }
}

/** One that is in use somewhere is not over: taking it out would take that away, or leave it taken for good. */
function checkPrevious(key: string, value: string, secrets: Secrets, problems: Problems): void {
  const holder = [...secrets].find(([other, secret]) => other !== key && secret.reveal() === value)?.[0];
  if (holder === undefined || (isPrevious(holder) && holder < key)) return;
  const rotation = "it is the one from before the rotation; without one, leave it empty";
  problems.add(key, `is the same secret as ${holder}`, rotation);
}

function checkKey(value: string, problems: Problems): void {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(value))
    problems.add("key", "is not 32 bytes in base64", "make one with `claw keys new`");
}

function checkDatabaseUrl(key: string, value: string, problems: Problems): void {
  if (!/^postgres(ql)?:\/\//.test(value))
    problems.add(key, "is not a PostgreSQL URL", "write it as postgres://user:password@host:5432/database");
}

function checkWebhookSecret(key: string, value: string, problems: Problems): void {
  const fix = "make one with `openssl rand -hex 32`, then run `claw telegram set-webhook`";
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(value)) problems.add(key, "may hold only A-Z a-z 0-9 _ - (256 at most)", fix);
  else if (value.length < 16) problems.add(key, "is shorter than 16 characters", fix);
}
