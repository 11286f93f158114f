/** A job as systemd's units: a timer that knows when, and a service that asks the gateway for the job. */
import { isIP } from "node:net";
import type { Timetable } from "../time/slots.ts";
import { onCalendar } from "./on-calendar.ts";

/** A unit's file. */
export interface Unit {
  readonly name: string;
  readonly text: string;
}

/** What the units of all jobs have in common. */
export interface UnitOptions {
  /** Whose manager runs them: a user's has fewer means to lock a service in. */
  readonly manager: "user" | "system";
  /** The private listener's, without a slash at the end. */
  readonly url: string;
  /** Where the bare token stands, as LoadCredential= takes it; read by the manager alone. */
  readonly tokenFile: string;
  /** The config file they are written for. */
  readonly config: string;
}

/** The first line of every file written for a config; others are left alone. */
export const marker = (config: string): string =>
  `# Written by \`claw timers systemd\` for ${JSON.stringify(config)}: changes are overwritten.`;

/** What all our units' names begin with. */
export const unitPrefix = "openclaw-job-";

/** The timer and the service of a job. */
export function unitsOf(job: Timetable & { readonly name: string }, options: UnitOptions, now: Date): [Unit, Unit] {
  const name = `${unitPrefix}${job.name}`;
  return [
    { name: `${name}.timer`, text: timer(job, options, now) },
    { name: `${name}.service`, text: service(job.name, options) },
  ];
}

function timer(job: Timetable & { readonly name: string }, { config }: UnitOptions, now: Date): string {
  return `${marker(config)}
[Unit]
Description=OpenClaw: when the job ${job.name} is due

[Timer]
# "${job.schedule}" in ${job.timezone}. An elapse without a slot of its own does nothing.
${onCalendar(job, now)
  .map(({ spec, reason }) => `${reason === undefined ? "" : `# ${reason}\n`}OnCalendar=${spec}`)
  .join("\n")}
Persistent=true
AccuracySec=1s
Unit=${unitPrefix}${job.name}.service

[Install]
WantedBy=timers.target
`;
}

/**
 * The token goes from the credential through a pipe: it stands on no command line, in no environment and in no further file.
 * curl tries for some minutes; then, unless the gateway answered (22) or there is no credential (243), systemd does.
 */
const ask = `sed 's/^/Authorization: Bearer /;q' "$CREDENTIALS_DIRECTORY/openclaw-token" | exec curl --disable \
--silent --show-error --fail-with-body --retry 8 --retry-delay 15 --retry-connrefused --connect-timeout 10 --max-time 60 \
--noproxy '*' --header @- --request POST -- "$1"`;

function service(job: string, options: UnitOptions): string {
  const { config, manager, tokenFile, url } = options;
  return `${marker(config)}
[Unit]
Description=OpenClaw: asks for the job ${job}
StartLimitIntervalSec=0

[Service]
Type=oneshot
LoadCredential=openclaw-token:${tokenFile}
ExecStart=/bin/sh -c ${word(ask)} ask ${word(`${url}/jobs/${encodeURIComponent(job)}`)}
Restart=on-failure
RestartSec=2min
RestartPreventExitStatus=22 243

${locks(manager, new URL(url).hostname.replace(/^\[|\]$/g, "")).join("\n")}
`;
}

/** It needs a shell, sed, curl and the way to the gateway. */
function locks(manager: UnitOptions["manager"], host: string): string[] {
  const common = [
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "NoNewPrivileges=yes",
    // A name may be looked up through a socket.
    `RestrictAddressFamilies=AF_INET AF_INET6${isIP(host) ? "" : " AF_UNIX"}`,
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0077",
  ];
  if (manager === "user") return common;
  return [
    ...common,
    "CapabilityBoundingSet=",
    "DynamicUser=yes",
    ...(isLoopback(host) ? ["IPAddressAllow=localhost", "IPAddressDeny=any"] : []),
    "PrivateDevices=yes",
    "ProcSubset=pid",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
  ];
}

/** Whether requests to a host stay on the machine. */
export const isLoopback = (host: string): boolean => host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

/** One word of a command line in a unit. */
const word = (text: string): string => `"${specifier(text).replace(/["\\]/g, "\\$&").replaceAll("$", "$$$$")}"`;

/** A value in a unit, of which no part is a specifier. */
export const specifier = (text: string): string => text.replaceAll("%", "%%");
