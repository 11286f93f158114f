/** Alerts of Alertmanager's API, version 2, which Grafana speaks as well. */
import { z } from "zod";
import type { AlertsService } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { askService, authHeaders, jsonOf, type Service } from "./service.ts";
import { oneLine } from "../one-line.ts";
import { instant, mostElements } from "./plain.ts";
import { safeParse } from "../safe-parse.ts";

/** One alert. Instants are ISO strings. */
export interface Alert {
  /** The same for the same labels. */
  readonly fingerprint: string;
  readonly name: string;
  /** As the rule has it; "" where it has none. */
  readonly severity: string;
  readonly startsAt: string;
  /** Of an alert that has ended; of one that fires, when it will be taken for ended unless it is heard of again. */
  readonly endsAt?: string;
  /** One line of the rule's annotations; may be "". */
  readonly summary: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Or inhibited by another alert. */
  readonly silenced: boolean;
  /** Where it was raised. */
  readonly url?: string;
}

/** What one look found: all that fires, and how many could not be read. */
export interface AlertsLook {
  readonly alerts: readonly Alert[];
  readonly damaged: number;
}

const summaryLimit = 300;

/** Go's zero time is that of nothing. */
const known = instant.transform((iso) => (new Date(iso).getUTCFullYear() <= 1 ? undefined : iso));

const wireAlert = z.object({
  fingerprint: z.string().min(1).max(200),
  startsAt: known,
  endsAt: known.optional().catch(undefined),
  generatorURL: z.string().optional().catch(undefined),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()).catch({}),
  status: z.object({ state: z.string() }).catch({ state: "active" }),
});

/** Lists all that fires, silenced or not. Throws what `askService` throws. */
export async function listAlerts(settings: AlertsService, signal: AbortSignal): Promise<AlertsLook> {
  const service: Service = {
    title: "Alertmanager",
    key: "tools.alerts",
    url: settings.url,
    timeoutMs: settings.timeoutMs,
    headers: { accept: "application/json", ...authHeaders(settings.auth) },
  };
  const answer = await askService(service, "/api/v2/alerts", { signal });
  const list = safeParse(z.array(z.unknown()), jsonOf(service, answer));
  if (!list.success)
    throw new ClawError("fetch_failed", "Alertmanager answered with what is no list of alerts: check tools.alerts.url");
  const alerts = list.data
    .slice(0, mostElements)
    .map(toAlert)
    .filter((alert) => alert !== undefined);
  return { alerts, damaged: list.data.length - alerts.length };
}

function toAlert(wire: unknown): Alert | undefined {
  const parsed = safeParse(wireAlert, wire);
  if (!parsed.success || parsed.data.startsAt === undefined) return undefined;
  const { fingerprint, startsAt, endsAt, generatorURL, labels, annotations, status } = parsed.data;
  const told = annotations["summary"] ?? annotations["description"] ?? annotations["message"] ?? "";
  return {
    fingerprint,
    name: oneLine(labels["alertname"] ?? "", 200) || "(no name)",
    severity: oneLine(labels["severity"] ?? "", 40).toLowerCase(),
    startsAt,
    ...(endsAt !== undefined && { endsAt }),
    summary: oneLine(told, summaryLimit),
    labels,
    silenced: status.state === "suppressed",
    ...(generatorURL !== undefined && /^https?:\/\//.test(generatorURL) && { url: generatorURL }),
  };
}
