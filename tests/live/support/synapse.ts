import { randomBytes } from "node:crypto";
import { copyFile, writeFile } from "node:fs/promises";
import { freePort } from "../../support/free-port.ts";
import { type ChrootProcess, startInChroot } from "./chroot-process.ts";
import { makePeerFolder, type PeerFolder } from "./peer-folder.ts";
import { ensureChroot } from "./sid.ts";
import { readStoredEvents, type StoredEvent } from "./stored-events.ts";
import { loginUser, registerUser, type SynapseUser } from "./synapse-users.ts";

export type { StoredEvent, SynapseUser };

/** A running homeserver with its own empty database, on loopback, without federation. */
export interface Synapse {
  url: string;
  serverName: string;
  registerUser(name: string, password: string): Promise<SynapseUser>;
  /** One more device of an account. */
  loginUser(name: string, password: string): Promise<SynapseUser>;
  /** What it keeps of a room, oldest first, as far as this member may read it. */
  storedEvents(member: { accessToken: string }, room: string): Promise<StoredEvent[]>;
  /** Output of all its runs, restarts included. */
  logs(): string;
  /** Stops it and starts it again with the same data and port, and with another registration where one is named. */
  restart(registration?: string): Promise<void>;
  /** Stops it and deletes its data. */
  stop(): Promise<void>;
}

/** What a homeserver for a test may be given. */
export interface SynapseOptions {
  /** Path of an application service's registration file (YAML). */
  registration?: string;
  serverName?: string;
  /** Lets it push to-device messages and device lists to an application service whose registration wants them. */
  flags?: boolean;
  /** Top-level keys that replace ours in homeserver.yaml. */
  extraConfig?: Record<string, unknown>;
}

/** Starts Synapse and returns when it is healthy; throws `PeersUnavailable` where this machine cannot hold it. */
export async function startSynapse(options: SynapseOptions = {}): Promise<Synapse> {
  const { registration, serverName = "home.test", flags = false, extraConfig = {} } = options;
  const { dir: chroot } = await ensureChroot(["matrix-synapse"]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const sharedSecret = randomBytes(16).toString("hex");
  const folder = await makePeerFolder(chroot, "synapse");

  const config = {
    ...baseConfig(serverName, port, folder),
    registration_shared_secret: sharedSecret,
    app_service_config_files: registration === undefined ? [] : [folder.inside("registration.yaml")],
    ...(flags ? { experimental_features: experimentalFeatures } : {}),
    ...extraConfig,
  };
  // JSON is YAML.
  await writeFile(folder.host("homeserver.yaml"), JSON.stringify(config));
  await writeFile(folder.host("log.yaml"), JSON.stringify(logConfig));
  await writeFile(folder.host("signing.key"), `ed25519 test ${randomBytes(32).toString("base64").replace("=", "")}\n`);
  if (registration !== undefined) await copyFile(registration, folder.host("registration.yaml"));

  let earlierLogs = "";
  let running = await start().catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });

  return {
    url,
    serverName,
    registerUser: (name, password) => registerUser(url, sharedSecret, name, password),
    loginUser: (name, password) => loginUser(url, name, password),
    storedEvents: (member, room) => readStoredEvents(url, member, room),
    logs: () => earlierLogs + running.logs(),
    async restart(changed) {
      await running.stop();
      if (changed !== undefined) await copyFile(changed, folder.host("registration.yaml"));
      earlierLogs += running.logs();
      running = await start();
    },
    async stop() {
      await running.stop();
      await folder.remove();
    },
  };

  async function start(): Promise<ChrootProcess> {
    const synapse = startInChroot(chroot, [
      "python3",
      "-m",
      "synapse.app.homeserver",
      "-c",
      folder.inside("homeserver.yaml"),
    ]);
    try {
      await synapse.waitUntilHealthy(`${url}/health`);
      return synapse;
    } catch (error) {
      await synapse.stop();
      throw error;
    }
  }
}

const experimentalFeatures = { msc2409_to_device_messages_enabled: true, msc3202_transaction_extensions: true };

const unlimited = { per_second: 10_000, burst_count: 10_000 };

const logConfig = {
  version: 1,
  disable_existing_loggers: false,
  formatters: { plain: { format: "%(asctime)s %(levelname)s %(name)s %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain" } },
  root: { level: "INFO", handlers: ["console"] },
};

function baseConfig(serverName: string, port: number, folder: PeerFolder): Record<string, unknown> {
  return {
    server_name: serverName,
    public_baseurl: `http://127.0.0.1:${port}/`,
    listeners: [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }],
    database: { name: "sqlite3", args: { database: folder.inside("homeserver.db") } },
    signing_key_path: folder.inside("signing.key"),
    media_store_path: folder.inside("media"),
    log_config: folder.inside("log.yaml"),
    federation_domain_whitelist: [],
    trusted_key_servers: [],
    report_stats: false,
    // The cheapest hash: these passwords guard nothing.
    bcrypt_rounds: 4,
    rc_message: unlimited,
    rc_registration: unlimited,
    rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
    rc_admin_redaction: unlimited,
    rc_joins: { local: unlimited, remote: unlimited },
    rc_joins_per_room: unlimited,
    rc_key_requests: unlimited,
    rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
    rc_media_create: unlimited,
    rc_presence: { per_user: unlimited },
    rc_room_creation: unlimited,
    rc_user_directory: unlimited,
  };
}
