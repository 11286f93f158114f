/** `claw matrix register`: the registration file, and the tokens that go with it. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { draftOf } from "../../lib/config/draft.ts";
import { localUrl } from "../../lib/config/listen-address.ts";
import type { SecretRef } from "../../lib/config/schema.ts";
import { readToml } from "../../lib/config/toml.ts";
import { ClawError } from "../../lib/errors.ts";
import {
  makeRegistration,
  registrationYaml,
  type ServiceFacts,
  urlInRegistration,
} from "../../lib/matrix/registration.ts";
import { refuseSecretFile, writeSecretFile } from "../../lib/secret-file.ts";
import type { CommandContext } from "./context.ts";

/** Options of the command. */
export interface RegisterOptions {
  out?: string;
  url?: string;
  serverName?: string;
  env?: string;
  rotate?: boolean;
  keepTokens?: boolean;
  groupReadable?: boolean;
  printTokens?: boolean;
  force?: boolean;
}

/** Writes a registration that is new to the homeserver, or an old one anew. */
export async function registerService(context: CommandContext, options: RegisterOptions): Promise<void> {
  if (options.keepTokens && (options.env !== undefined || options.serverName !== undefined || options.printTokens))
    throw new ClawError(
      "bad_request",
      "--keep-tokens takes the tokens from where the config says: leave out --env, --server-name and --print-tokens",
    );
  const settings = await settingsFor(context, options);
  const out = options.out ?? defaultOut(context.configFile());
  // The address in it may have been given by --url, which no config holds.
  const before = options.keepTokens ? urlAt(out) : undefined;
  const made = await makeRegistration({ ...settings, url: options.url ?? before ?? settings.url });
  const yaml = registrationYaml(made);
  const lines = [
    ["as_token", settings.asToken, made.as_token] as const,
    ["hs_token", settings.hsToken, made.hs_token] as const,
  ];
  // Both or neither: a registration whose tokens are nowhere else is of no use.
  if (options.env !== undefined) refuseSecretFile(options.env, options.force === true);
  const mode = options.groupReadable ? 0o640 : 0o600;
  const file = writeSecretFile(out, yaml, options.force === true || before !== undefined, mode);
  context.out(`registration: ${file} (0${mode.toString(8)}; url ${made.url})`);
  if (options.keepTokens) return;
  if (options.env !== undefined) {
    const env = lines.flatMap(([, ref, token]) => (ref && "env" in ref ? [`${ref.env}=${token}`] : []));
    context.out(`tokens: ${writeSecretFile(options.env, `${env.join("\n")}\n`, options.force === true)} (0600)`);
  }
  for (const [key, ref, token] of lines) {
    const place = placeOf(ref);
    if (options.printTokens) context.out(ref && "env" in ref ? `${ref.env}=${token}` : `${key}: ${token} (${place})`);
    else if (options.env === undefined || (ref && !("env" in ref))) context.out(`put its ${key} into ${place}`);
  }
  context.out("");
  context.out("On the homeserver, in homeserver.yaml, and then restart it:");
  context.out("  app_service_config_files:");
  context.out(`    - ${file}`);
  context.out("(or a copy that the homeserver's user can read and nobody else). No experimental feature is needed.");
  context.out("Then start the gateway, and run `claw matrix provision`.");
}

function placeOf(ref: SecretRef | undefined): string {
  if (ref && "file" in ref) return `the file ${ref.file}`;
  if (ref && "credential" in ref) return `the credential ${ref.credential} of the gateway's service`;
  return `${ref?.env ?? ""} in the gateway's env_file`;
}

interface ServiceSettings extends ServiceFacts {
  readonly asToken: SecretRef | undefined;
  readonly hsToken: SecretRef | undefined;
}

/** Of the config without its secrets; of the defaults where there is none yet and the server's name is given. */
export async function settingsFor(context: CommandContext, options: RegisterOptions): Promise<ServiceSettings> {
  const asToken: SecretRef = { env: "MATRIX_AS_TOKEN" };
  const hsToken: SecretRef = { env: "MATRIX_HS_TOKEN" };
  if (options.serverName !== undefined && !existsSync(context.configFile()))
    return {
      serverName: options.serverName,
      sender: "openclaw",
      namespace: "agent_",
      url: "http://127.0.0.1:8080",
      asToken,
      hsToken,
    };
  const { matrix, listen } = await context.loadConfig(options.keepTokens ? "matrix" : "skip");
  const draft = draftOf(readToml(context.configFile())).matrix;
  if (!matrix)
    throw new ClawError(
      "config_invalid",
      `${context.configFile()} has no [matrix]: add it, or give --server-name NAME`,
    );
  return {
    serverName: options.serverName ?? matrix.server_name,
    sender: matrix.sender_localpart,
    namespace: matrix.namespace,
    url: localUrl(listen.public),
    asToken: draft?.as_token ?? asToken,
    hsToken: draft?.hs_token ?? hsToken,
    tokens: options.keepTokens ? { asToken: matrix.asToken.reveal(), hsToken: matrix.hsToken.reveal() } : undefined,
  };
}

/** Beside the config where `claw init` has put one, else in the user's own folder. */
export function defaultOut(configFile: string): string {
  const beside = join(dirname(configFile), "appservice.yaml");
  return urlAt(beside) === undefined ? join(homedir(), ".config", "openclaw", "appservice.yaml") : beside;
}

/** The url of the registration there; undefined where there is none of ours. */
export const urlAt = (file: string): string | undefined =>
  existsSync(file) ? urlInRegistration(readFileSync(file, "utf8")) : undefined;
