/** The gateway as a service of systemd, and a timer for its backup. */
import { join } from "node:path";
import { invalidConfigExit } from "../config/problem.ts";
import { locks } from "./hardening.ts";
import { type Manager, marker, quoted, specifier, type Unit, word } from "./unit.ts";

/** What the gateway's units are made of. All paths are absolute, and none has to exist where the units are written. */
export interface ServiceOptions {
  readonly manager: Manager;
  /** The config file, as the gateway finds it. */
  readonly config: string;
  /** The project's folder. */
  readonly app: string;
  /** The program Node, and its flags. */
  readonly node: string;
  readonly flags: readonly string[];
  /** Files of `NAME=value` lines, read by the manager; one that begins with "-" may be missing. */
  readonly environmentFiles: readonly string[];
  /** The credentials that the config refers to, each a file of that name in `credentialsFolder`. */
  readonly credentials: readonly string[];
  readonly credentialsFolder: string;
  /** Whether they were made by `systemd-creds encrypt`. */
  readonly encrypted: boolean;
  /** The gateway's folder below /var/lib, made and given to it by the system's manager; undefined for a user's. */
  readonly stateDirectory: string | undefined;
  /** Further folders it writes to. */
  readonly writable: readonly string[];
}

/** The command that writes them. */
export const serviceCommand = "claw service systemd";

/** The gateway's own unit. */
export function serviceUnit(options: ServiceOptions): Unit {
  const { manager, node, app, flags } = options;
  const claw = [node, join(app, "functions/claw.ts")].map(word).join(" ");
  const text = `${head(options, "OpenClaw: a gateway to AI agents over Matrix and Telegram")}
${manager === "system" ? "Wants=network-online.target\nAfter=network-online.target postgresql.service\n" : ""}\
# A database that is not there yet is waited for, for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${[node, ...flags, join(app, "functions/server.ts")].map(word).join(" ")}
# Started is what answers.
ExecStartPost=${claw} service wait --pid $MAINPID
# A config that is invalid is not taken over, and the reload says so.
ExecReload=/bin/sh -c ${word('"$1" "$2" check >/dev/null && kill -HUP "$3"')} reload ${claw} $MAINPID
# The gateway stops its own database and programs in order; what is then left is killed.
KillMode=mixed
TimeoutStartSec=150
TimeoutStopSec=35
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=${invalidConfigExit}
${common(options).join("\n")}

[Install]
WantedBy=${manager === "user" ? "default.target" : "multi-user.target"}
`;
  return { name: "openclaw.service", text };
}

const head = ({ config }: ServiceOptions, description: string): string =>
  `${marker(serviceCommand, config)}
[Unit]
Description=${description}`;

/** What every process of ours has: the config, its secrets, its folder and its locks. */
function common(options: ServiceOptions): string[] {
  const { manager, config, credentials, credentialsFolder, encrypted, environmentFiles, stateDirectory } = options;
  return [
    `Environment=${quoted(`OPENCLAW_CONFIG=${config}`)}`,
    ...environmentFiles.map((file) => `EnvironmentFile=${specifier(file)}`),
    ...credentials.map(
      (name) => `LoadCredential${encrypted ? "Encrypted" : ""}=${name}:${specifier(join(credentialsFolder, name))}`,
    ),
    ...(stateDirectory === undefined
      ? []
      : ["User=openclaw", `StateDirectory=${specifier(stateDirectory)}`, "StateDirectoryMode=0700"]),
    ...options.writable.map((folder) => `ReadWritePaths=${quoted(folder)}`),
    // A database may be reached by a socket.
    ...locks(manager, ["AF_INET", "AF_INET6", "AF_UNIX"]),
  ];
}
