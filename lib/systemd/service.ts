/** The gateway as a service of systemd, and a timer for its backup. */
import { join } from "node:path";
import { invalidConfigExit } from "../config/problem.ts";
import { locks } from "./hardening.ts";
import { type Manager, marker, quoted, specifier, type Unit, unword, word } from "./unit.ts";

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

/** Where backups go: by its path, and for the system's manager as a folder below /var/lib. */
export interface BackupFolder {
  readonly path: string;
  readonly stateDirectory: string | undefined;
}

/** The command that writes them. */
export const serviceCommand = "claw service systemd";

/** What they are called. */
export const serviceUnits = /^openclaw(-backup)?\.(service|timer)$/;

/** So many backups are kept. */
const keptBackups = 14;

/** The gateway's own unit. */
export function serviceUnit(options: ServiceOptions): Unit {
  const { manager, config, node, app, flags, stateDirectory } = options;
  const claw = clawOf(options);
  const text = `${marker(serviceCommand, config)}
[Unit]
Description=OpenClaw: a gateway to AI agents over Matrix and Telegram
${manager === "system" ? "Wants=network-online.target\nAfter=network-online.target postgresql.service\n" : ""}\
# A database that is not there yet is waited for, for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${[node, ...flags, join(app, "functions/server.ts")].map(word).join(" ")}
# Started is what answers.
ExecStartPost=${claw} service wait --pid $MAINPID
# A config that is invalid is not taken over, and the reload says so. It is given no credentials to read.
ExecReload=/bin/sh -c ${word('"$1" "$2" check --no-secrets >/dev/null && kill -HUP "$3"')} reload ${claw} $MAINPID
# The gateway stops its own database and programs in order; what is then left is killed.
KillMode=mixed
TimeoutStartSec=150
TimeoutStopSec=35
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=${invalidConfigExit}
${common(options, [stateDirectory])}

[Install]
WantedBy=${manager === "user" ? "default.target" : "multi-user.target"}
`;
  return { name: "openclaw.service", text };
}

/** A backup every night, made as the gateway's user. */
export function backupUnits(options: ServiceOptions, folder: BackupFolder): [Unit, Unit] {
  const head = marker(serviceCommand, options.config);
  const service = `${head}
[Unit]
Description=OpenClaw: a backup

[Service]
Type=oneshot
ExecStart=${clawOf(options)} backup --to ${word(folder.path)} --keep ${keptBackups}
${common(options, [options.stateDirectory, folder.stateDirectory])}
`;
  const timer = `${head}
[Unit]
Description=OpenClaw: when a backup is made

[Timer]
OnCalendar=*-*-* 03:30:00
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target
`;
  return [
    { name: "openclaw-backup.service", text: service },
    { name: "openclaw-backup.timer", text: timer },
  ];
}

/** The folder to which units of ours make backups; undefined: they make none. */
export function backupFolderOf(units: ReadonlyMap<string, string>): string | undefined {
  const path = /^ExecStart=.* backup --to (.*) --keep \d+$/m.exec(units.get("openclaw-backup.service") ?? "")?.[1];
  return path === undefined ? undefined : unword(path);
}

const clawOf = ({ node, app }: ServiceOptions): string => [node, join(app, "functions/claw.ts")].map(word).join(" ");

/** What every process of ours has: the config, its secrets, its folders and its locks. */
function common(options: ServiceOptions, stateDirectories: readonly (string | undefined)[]): string {
  const { manager, config, credentials, credentialsFolder, encrypted, environmentFiles } = options;
  const states = stateDirectories.filter((folder) => folder !== undefined);
  const load = encrypted ? "LoadCredentialEncrypted" : "LoadCredential";
  return [
    `Environment=${quoted(`OPENCLAW_CONFIG=${config}`)}`,
    ...environmentFiles.map((file) => `EnvironmentFile=${specifier(file)}`),
    ...credentials.map((name) => `${load}=${name}:${specifier(join(credentialsFolder, name))}`),
    ...(manager === "system" ? ["User=openclaw"] : []),
    ...(states.length > 0 ? [`StateDirectory=${states.map(quoted).join(" ")}`, "StateDirectoryMode=0700"] : []),
    ...options.writable.map((folder) => `ReadWritePaths=${quoted(folder)}`),
    // A database may be reached by a socket.
    ...locks(manager, ["AF_INET", "AF_INET6", "AF_UNIX"]),
  ].join("\n");
}
