import type { Command } from "commander";
import { matrixUserId } from "../../lib/config/config.ts";
import { ClawError } from "../../lib/errors.ts";
import { createMatrixClient, serviceId } from "../../lib/matrix/client.ts";
import { createRoom, provision, type ProvisionDeps, type ProvisioningIntent } from "../../lib/matrix/provision.ts";
import { namespaceRegex } from "../../lib/matrix/registration.ts";
import type { CommandContext } from "./context.ts";
import { registerKeys } from "./matrix-keys.ts";
import { type RegisterOptions, registerService } from "./matrix-register.ts";
import { rotateTokens } from "./matrix-rotate.ts";
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
    .option(
      "--rotate",
      "fresh tokens, and in the file of --env the old ones move to the variables of the previous_ keys",
    )
    .option("--keep-tokens", "the tokens that the config has; a registration that is there is replaced without asking")
    .option("--group-readable", "let the file's group read it: 0640")
    .option("--print-tokens", "print the tokens; without this they are only in the files")
    .option("--force", "replace files that are there already")
    .action((options: RegisterOptions) => (options.rotate ? rotateTokens : registerService)(context, options));
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

interface ProvisionOptions {
  avatars?: boolean;
  createRoom?: string;
  unencrypted?: boolean;
  agent?: string;
  invite?: string[];
}

const keysWaitMs = 2_000;

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
