/** Services of the house that tools read, with their secrets resolved. A tool of one that is not set up is never granted. */
import type { RawConfig } from "./schema.ts";
import type { Secret } from "./secret.ts";

type Settings = RawConfig["tools"];

/** The services there are; each has its settings in `tools.NAME`. */
export type ServiceName = "alerts" | "calendar" | "feeds" | "tasks";

/** How a request shows who asks; undefined: it does not. */
export type ServiceAuth =
  | { readonly kind: "bearer"; readonly token: Secret }
  | { readonly kind: "basic"; readonly user: string; readonly password: Secret }
  | undefined;

/** Alertmanager. */
export interface AlertsService {
  readonly url: string;
  readonly auth: ServiceAuth;
  readonly timeoutMs: number;
  readonly watchMs: number;
  readonly maxAlerts: number;
}

/** One calendar, or the calendars of one server. */
export interface CalendarSource {
  readonly name: string;
  readonly kind: "caldav" | "ics";
  readonly url: string;
  readonly auth: ServiceAuth;
  /** By their names there; empty: all. */
  readonly only: readonly string[];
}

export interface CalendarService {
  /** In the config's order, at least one. */
  readonly calendars: readonly CalendarSource[];
  readonly timeoutMs: number;
  readonly maxEvents: number;
}

/** Miniflux. */
export interface FeedsService {
  readonly url: string;
  readonly token: Secret;
  readonly timeoutMs: number;
  readonly maxEntries: number;
  readonly maxChars: number;
}

/** A task tracker. */
export interface TasksService {
  readonly kind: "plane";
  readonly url: string;
  readonly token: Secret;
  readonly workspace: string;
  /** By their identifiers; empty: all. */
  readonly projects: readonly string[];
  readonly timeoutMs: number;
  readonly maxTasks: number;
}

/** Each undefined where the config has none. */
export interface Services {
  readonly alerts: AlertsService | undefined;
  readonly calendar: CalendarService | undefined;
  readonly feeds: FeedsService | undefined;
  readonly tasks: TasksService | undefined;
}

/** Makes the services of the checked config. `secret` finds a secret by its key, or undefined. */
export function servicesOf(settings: Settings, secret: (key: string) => Secret | undefined): Services {
  const { alerts, calendar, feeds, tasks } = settings;
  const ms = ({ timeout_seconds }: { timeout_seconds: number }): number => timeout_seconds * 1000;
  const needed = (key: string): Secret => {
    const found = secret(key);
    if (!found) throw new Error(`${key} passed the checks but was not read`);
    return found;
  };
  const authOf = (key: string, user: string | undefined): ServiceAuth => {
    const password = secret(`${key}.password`);
    if (user !== undefined && password) return { kind: "basic", user, password };
    const token = secret(`${key}.token`);
    return token && { kind: "bearer", token };
  };
  const calendars = Object.entries(calendar?.calendars ?? {}).map(([name, { kind, url, user, only }]) => {
    return { name, kind, url, only, auth: authOf(`tools.calendar.calendars.${name}`, user) };
  });
  return {
    alerts: alerts && {
      url: alerts.url,
      auth: authOf("tools.alerts", alerts.user),
      timeoutMs: ms(alerts),
      watchMs: alerts.watch_minutes * 60_000,
      maxAlerts: alerts.max_alerts,
    },
    calendar:
      calendar && calendars.length > 0
        ? { calendars, timeoutMs: ms(calendar), maxEvents: calendar.max_events }
        : undefined,
    feeds: feeds && {
      url: feeds.url,
      token: needed("tools.feeds.token"),
      timeoutMs: ms(feeds),
      maxEntries: feeds.max_entries,
      maxChars: feeds.max_chars,
    },
    tasks: tasks && {
      ...{ kind: tasks.kind, url: tasks.url, workspace: tasks.workspace, projects: tasks.projects },
      token: needed("tools.tasks.token"),
      timeoutMs: ms(tasks),
      maxTasks: tasks.max_tasks,
    },
  };
}
