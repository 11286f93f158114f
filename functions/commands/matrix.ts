import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { matrixUserId } from "../../lib/config/config.ts";
import { draftOf } from "../../lib/config/draft.ts";
import type { SecretRef } from "../../lib/config/schema.ts";
import { readToml } from "../../lib/config/toml.ts";
import { ClawError } from "../../lib/errors.ts";
import { createMatrixClient, serviceId } from "../../lib/matrix/client.ts";
import { createRoom, provision, type ProvisionDeps, type ProvisioningIntent } from "../../lib/matrix/provision.ts";
import {
  makeRegistration,
  namespaceRegex,
  registrationYaml,
  type ServiceFacts,
  urlInRegistration,
} from "../../lib/matrix/registration.ts";
import { writeSecretFile } from "../../lib/secret-file.ts";
import type { CommandContext } from "./context.ts";
import { registerKeys } from "./matrix-keys.ts";
import { registerVerify } from "./matrix-verify.ts";

/** Adds `claw matrix …`. */
export function register(program: Command, context: CommandContext): void {
  const matrix = program.command("matrix").summary("register the application service, create and verify agent users");
  matrix
    .command("register")
    .description("Writes the application service's registration, with fresh tokens, for the homeserver.")
    .option(
      "--out <file>",
      "where to write it (default: where `claw init` did, else ~/.config/openclaw/appservice.yaml)",
    )
    .option("--url <url>", "where the homeserver reaches the gateway (default: listen.public on this host)")
    .option("--server-name <name>", "the part after the colon in Matrix ids, where there is no config yet")
    .option("--env <file>", "write the tokens as NAME=… lines to this file, 0600")
    .option("--keep-tokens", "the tokens that the config has; a registration that is there is replaced without asking")
    .option("--group-readable", "let the file's group read it: 0640")
    .option("--print-tokens", "print the tokens; without this they are only in the files")
    .option("--force", "replace files that are there already")
    .action((options: RegisterOptions) => registerService(context, options));
  matrix
    .command("provision")
    .description("Makes agents' users, names and avatars and joins them to their rooms. Run it while the gateway runs.")
    .option("--avatars", "upload avatars again where one is set already")
    .option("--create-room <name>", "first make a private, encrypted room by the agent of --agent")
    .option("--unencrypted", "make that room without encryption")
    .option("--agent <name>", "who makes the room")
    .option("--invite <user...>", "full Matrix ids to invite to it")
    .action((options: ProvisionOptions) => provisionAgents(context, options));
  registerKeys(matrix, context);
  registerVerify(matrix, context);
}

interface RegisterOptions {
  out?: string;
  url?: string;
  serverName?: string;
  env?: string;
  keepTokens?: boolean;
  groupReadable?: boolean;
  printTokens?: boolean;
  force?: boolean;
}

interface ProvisionOptions {
  avatars?: boolean;
  createRoom?: string;
  unencrypted?: boolean;
  agent?: string;
  invite?: string[];
}

async function registerService(context: CommandContext, options: RegisterOptions): Promise<void> {
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
  if (options.env !== undefined && existsSync(options.env) && !options.force)
    throw new ClawError("bad_request", `${options.env} is there already: --force replaces it, other lines and all`);
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
async function settingsFor(context: CommandContext, options: RegisterOptions): Promise<ServiceSettings> {
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
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(listen.public) ?? [];
  return {
    serverName: options.serverName ?? matrix.server_name,
    sender: matrix.sender_localpart,
    namespace: matrix.namespace,
    url: `http://${host === "0.0.0.0" || host === "[::]" ? "127.0.0.1" : host}:${port}`,
    asToken: draft?.as_token ?? asToken,
    hsToken: draft?.hs_token ?? hsToken,
    tokens: options.keepTokens ? { asToken: matrix.asToken.reveal(), hsToken: matrix.hsToken.reveal() } : undefined,
  };
}

const keysWaitMs = 2_000;

/** Beside the config where `claw init` has put one, else in the user's own folder. */
function defaultOut(configFile: string): string {
  const beside = join(dirname(configFile), "appservice.yaml");
  return urlAt(beside) === undefined ? join(homedir(), ".config", "openclaw", "appservice.yaml") : beside;
}

/** The url of the registration there; undefined where there is none of ours. */
const urlAt = (file: string): string | undefined =>
  existsSync(file) ? urlInRegistration(readFileSync(file, "utf8")) : undefined;

async function provisionAgents(context: CommandContext, options: ProvisionOptions): Promise<void> {
  const config = await context.loadConfig();
  const { matrix } = config;
  if (!matrix) throw new ClawError("config_invalid", `${config.file} has no [matrix]`);
  const client = createMatrixClient(() => config);
  // Says clearly what is wrong before the bridge's own words come.
  if (!(await client.takesToken()))
    throw new ClawError(
      "channel_failed",
      `${matrix.homeserver} does not know matrix.as_token: is the registration in its app_service_config_files, and was it restarted since?`,
    );
  const { AppServiceRegistration, Bridge, Logger } = await loadBridge();
  Logger.configure({ console: "off" });
  const registration = new AppServiceRegistration("http://127.0.0.1");
  registration.setId(serviceId);
  registration.setAppServiceToken(matrix.asToken.reveal());
  registration.setHomeserverToken(matrix.hsToken.reveal());
  registration.setSenderLocalpart(matrix.sender_localpart);
  registration.addRegexPattern("users", namespaceRegex(matrix.namespace, matrix.server_name), true);
  const bridge = new Bridge({
    homeserverUrl: matrix.homeserver,
    domain: matrix.server_name,
    registration,
    controller: { onEvent: () => {} },
    disableStores: true,
  });
  await bridge.initialise();
  const intent = (user: string): ProvisioningIntent => bridge.getIntent(user);

  context.note("A new device makes the homeserver push at once: the gateway should be running and listening.");
  try {
    if (options.createRoom !== undefined)
      await makeRoom(context, { config, client, intent }, options, options.createRoom);
    const failures = await provision({
      config,
      client,
      intent,
      out: context.out,
      avatars: options.avatars === true,
      keysWaitMs,
    });
    if (failures > 0) throw new ClawError("channel_failed", `${failures} of the steps above failed`);
  } finally {
    // Its timers would keep the process alive.
    await bridge.close();
  }
}

async function makeRoom(
  context: CommandContext,
  { config, client, intent }: Pick<ProvisionDeps, "config" | "client" | "intent">,
  options: ProvisionOptions,
  name: string,
): Promise<void> {
  const agent = config.agents.get(options.agent ?? "");
  const user = agent && matrixUserId(config, agent);
  if (!user) throw new ClawError("bad_request", "--create-room needs --agent with the name of an agent on Matrix");
  const room = await createRoom({ intent }, user, name, options.invite ?? [], options.unencrypted !== true);
  context.out(`room "${name}": ${room}`);
  context.out(`  add it to agents.${options.agent}.matrix.rooms and reload the gateway`);
  const encrypted = (await client.getState(user, room, "m.room.encryption")) !== undefined;
  if (!encrypted) context.out("  it is not encrypted: the agent needs matrix.require_encryption = false to read it");
  else if (options.unencrypted) context.out("  the homeserver made it encrypted all the same");
}

/** Loaded here alone: it costs 58 MB and up to half a second, and its Intents would write plaintext anywhere. */
const loadBridge = async () => {
  // Its dependencies warn of their own age.
  process.noDeprecation = true;
  return import("matrix-appservice-bridge");
};
