/** alerts_list: what fires now, and what came and went. */
import { z } from "zod";
import type { AlertsService, Services } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { type Alert, type AlertsLook, listAlerts } from "../sources/alertmanager.ts";
import { instantInput } from "./dates.ts";
import { defineTool, type Tool } from "./define.ts";
import { dayOf, timeOf } from "../time/wall-clock.ts";
import { shortTime } from "../time/names.ts";
import { oneLine } from "../one-line.ts";

/** What alerts_list returns for code. Of `ended`, `endsAt` is when each had ended at the latest. */
export interface AlertsData {
  /** By the asked-for state; the gravest first. */
  readonly firing: readonly Alert[];
  /** The last first; empty where `since` was not given. */
  readonly ended: readonly Alert[];
}

/** When a look was begun, and how long ago the one before may be without anything having been missed. */
export interface LookedAt {
  readonly at: Date;
  readonly patienceMs: number;
}

/** What is kept of alerts, since Alertmanager lists those that fire alone. */
export interface AlertsSeen {
  /** Keeps what a look found; what it did not find has ended. The same again, and an older look late, change nothing. */
  record(look: AlertsLook, when: LookedAt): Promise<void>;
  /** What ended later than `since`, the last first, and since when nothing was missed; undefined: there was no look yet. */
  endedSince(since: Date): Promise<{ ended: readonly Alert[]; knownFrom: Date | undefined }>;
}

/** Looks once and keeps what was found. */
export async function lookAtAlerts(
  service: AlertsService,
  seen: AlertsSeen,
  at: Date,
  signal: AbortSignal,
): Promise<AlertsLook> {
  const look = await listAlerts(service, signal);
  // Room for a look that failed or came late.
  await seen.record(look, { at, patienceMs: 3 * service.watchMs + service.timeoutMs });
  return look;
}

/** The tool. `services` is asked at each call: config may change. */
export const alertsTool = (services: () => Services, seen: AlertsSeen): Tool =>
  defineTool({
    name: "alerts_list",
    description: "Lists monitoring alerts that fire, with since also those that ended since then.",
    input: z.strictObject({
      state: z.enum(["firing", "silenced", "all"]).default("firing"),
      severity: z.string().trim().min(1).max(40).toLowerCase().optional(),
      since: instantInput.optional(),
    }),
    // Untrusted: whoever writes rules, labels and annotations, and what they quote.
    labels: ["untrusted", "private"],
    effect: "idempotent",
    service: "alerts",
    timeoutMs: 70_000,
    outputLimit: 60_000,
    async run({ state, severity, since }, { now, timezone, signal }) {
      const { alerts: service } = services();
      if (!service)
        throw new ClawError("config_invalid", "There is no Alertmanager in the config: set [tools.alerts].");
      const { alerts, damaged } = await lookAtAlerts(service, seen, now(), signal);
      const wanted = (alert: Alert): boolean =>
        (severity === undefined || alert.severity === severity) &&
        (state === "all" || alert.silenced === (state === "silenced"));
      const firing = alerts.filter(wanted).toSorted(graver);
      const from = since === undefined ? undefined : new Date(since);
      const past = from && (await seen.endedSince(from));
      const ended = past?.ended.filter(wanted) ?? [];
      const { maxAlerts: most } = service;

      const lines = [
        countsOf(firing, state, severity),
        ...listed(firing, most, (alert) => firingLine(alert, timezone)),
      ];
      if (damaged > 0) lines.push(`${damaged} more could not be read.`);
      if (from && past) {
        lines.push(
          "",
          `${ended.length === 0 ? "None ended" : "Ended"} since ${shortTime(from, timezone)}${ended.length === 0 ? "." : ":"}`,
        );
        lines.push(...listed(ended, most, (alert) => endedLine(alert, timezone)));
        const { knownFrom } = past;
        if (knownFrom && knownFrom > from)
          lines.push(`What came and went before ${shortTime(knownFrom, timezone)} is not known: nobody watched.`);
      }
      const data: AlertsData = { firing: firing.slice(0, most), ended: ended.slice(0, most) };
      return { text: lines.join("\n"), data };
    },
  });

/** A line each, as many as may be, and how many more there are. */
function listed(alerts: readonly Alert[], most: number, line: (alert: Alert) => string): string[] {
  const lines = alerts.slice(0, most).map(line);
  return alerts.length > most ? [...lines, `… and ${alerts.length - most} more.`] : lines;
}

const ranks = ["emergency", "disaster", "page", "critical", "high", "error", "major", "warning", "average", "minor"];

/** Severities are free words; those not known come after those that ask for somebody. */
const rank = ({ severity }: Alert): number => {
  const found = ranks.indexOf(severity);
  return found === -1 ? ranks.length : found;
};

const graver = (a: Alert, b: Alert): number =>
  rank(a) - rank(b) || a.severity.localeCompare(b.severity) || a.name.localeCompare(b.name) || newer(a, b);

const newer = (a: Alert, b: Alert): number => b.startsAt.localeCompare(a.startsAt);

/** `3 alerts (1 critical, 2 warning):`. */
function countsOf(alerts: readonly Alert[], state: "firing" | "silenced" | "all", severity = ""): string {
  const kind = [state === "silenced" && "silenced ", severity && `${severity} `].filter(Boolean).join("");
  if (alerts.length === 0) return `No ${kind}alerts${state === "silenced" ? "" : " fire"}.`;
  const groups = Map.groupBy(alerts, (alert) => alert.severity || "without severity");
  const counts = [...groups].map(([name, found]) => `${found.length} ${name}`).join(", ");
  const silenced = state === "all" ? alerts.filter((alert) => alert.silenced).length : 0;
  const of = `${alerts.length} ${state === "silenced" ? "silenced " : ""}alert${alerts.length === 1 ? "" : "s"}`;
  return `${of} (${counts}${silenced > 0 ? `; ${silenced} of them silenced` : ""}):`;
}

/** Name, where, and what about it: `HostDown nas:9100: The NAS is down`. */
function whatOf({ name, severity, labels, summary, silenced }: Alert): string {
  const where = labels["instance"] ?? labels["host"] ?? labels["job"];
  const head = [severity && `[${severity}]`, name, where && oneLine(where, 80)].filter(Boolean).join(" ");
  return `${head}${silenced ? " (silenced)" : ""}${summary && `: ${summary}`}`;
}

const firingLine = (alert: Alert, timezone: string): string =>
  `- ${whatOf(alert)}, since ${shortTime(new Date(alert.startsAt), timezone)}`;

function endedLine(alert: Alert, timezone: string): string {
  const [from, to] = [new Date(alert.startsAt), new Date(alert.endsAt ?? alert.startsAt)];
  const sameDay = dayOf(from, timezone) === dayOf(to, timezone);
  return `- ${whatOf(alert)}, ${shortTime(from, timezone)}–${sameDay ? timeOf(to, timezone) : shortTime(to, timezone)}`;
}
