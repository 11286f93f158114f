/** A job as systemd's units: a timer that knows when, and a service that asks the gateway for the job. */
import { isIP } from "node:net";
import type { Timetable } from "../time/slots.ts";
import { locks } from "./hardening.ts";
import { onCalendar } from "./on-calendar.ts";
import { type Manager, marker, type Unit, word } from "./unit.ts";

/** What the units of all jobs have in common. */
export interface UnitOptions {
  readonly manager: Manager;
  /** The private listener's, without a slash at the end. */
  readonly url: string;
  /** Where the bare token stands, as LoadCredential= takes it; read by the manager alone. */
  readonly tokenFile: string;
  /** What the credential is called. */
  readonly credential: string;
  /** Whether that file was made by `systemd-creds encrypt --name=CREDENTIAL`. */
  readonly encrypted: boolean;
  /** The config file they are written for. */
  readonly config: string;
}

/** The command that writes them. */
export const timersCommand = "claw timers systemd";

/** What the units of jobs are called before the job. */
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
  return `${marker(timersCommand, config)}
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
const ask = (
  credential: string,
): string => `sed 's/^/Authorization: Bearer /;q' "$CREDENTIALS_DIRECTORY/${credential}" | exec curl --disable \
--silent --show-error --fail-with-body --retry 8 --retry-delay 15 --retry-connrefused --connect-timeout 10 --max-time 60 \
--noproxy '*' --header @- --request POST -- "$1"`;

function service(job: string, options: UnitOptions): string {
  const { config, credential, encrypted, manager, tokenFile, url } = options;
  return `${marker(timersCommand, config)}
[Unit]
Description=OpenClaw: asks for the job ${job}
StartLimitIntervalSec=0

[Service]
Type=oneshot
LoadCredential${encrypted ? "Encrypted" : ""}=${credential}:${tokenFile}
ExecStart=/bin/sh -c ${word(ask(credential))} ask ${word(`${url}/jobs/${encodeURIComponent(job)}`)}
Restart=on-failure
RestartSec=2min
RestartPreventExitStatus=22 243

${locksOf(manager, new URL(url).hostname.replace(/^\[|\]$/g, "")).join("\n")}
`;
}

/** It needs a shell, sed, curl and the way to the gateway. */
const locksOf = (manager: Manager, host: string): string[] => [
  "MemoryDenyWriteExecute=yes",
  // A name may be looked up through a socket.
  ...locks(manager, ["AF_INET", "AF_INET6", ...(isIP(host) ? [] : ["AF_UNIX"])]),
  ...(manager === "system" && isLoopback(host) ? ["IPAddressAllow=localhost", "IPAddressDeny=any"] : []),
];

/** Whether requests to a host stay on the machine. */
export const isLoopback = (host: string): boolean => host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
