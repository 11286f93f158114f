/** Each service of the house that tools read, asked for as little as shows that it works. */
import type { Config } from "../config/config.ts";
import type { CalendarService, CalendarSource } from "../config/services.ts";
import { listAlerts } from "../sources/alertmanager.ts";
import { daysWindow, readAgenda } from "../sources/calendar.ts";
import { findEntries } from "../sources/miniflux.ts";
import { trackerOf } from "../sources/trackers.ts";
import { dayOf } from "../time/wall-clock.ts";
import { type Check, counted, findingOf, type Finding, ok, since, warn } from "./check.ts";
import { ClawError } from "../errors.ts";

export function sourceChecks(config: Config): Check[] {
  const { alerts, calendar, feeds, tasks } = config.services;
  return [
    ...(alerts
      ? [
          timed("sources.alerts", async (signal) => {
            const look = await listAlerts(alerts, signal);
            return counted(look.alerts.length, "alert");
          }),
        ]
      : []),
    ...(calendar?.calendars.map((source) => calendarCheck(config, calendar, source)) ?? []),
    ...(feeds
      ? [
          timed("sources.feeds", async (signal) => {
            const { total } = await findEntries(feeds, { unread: true, limit: 1 }, signal);
            return `${total} unread`;
          }),
        ]
      : []),
    ...(tasks
      ? [
          timed("sources.tasks", async (signal) => {
            const asking = { signal, now: () => new Date(), until: new Date(Date.now() + waitMs) };
            const projects = await trackerOf(tasks).projects(asking);
            if (projects.length === 0)
              throw new ClawError(
                "not_found",
                "the key's owner is a member of no project: add them to one in the tracker",
              );
            return `${counted(projects.length, "project")}: ${projects.join(", ")}`;
          }),
        ]
      : []),
  ];
}

/** A tracker that wants requests to wait is waited for no longer. */
const waitMs = 5_000;

const timed = (name: string, ask: (signal: AbortSignal) => Promise<string>): Check => ({
  name,
  look: async (signal) => {
    const began = performance.now();
    const saw = await ask(signal);
    return ok(`${saw}, in ${since(began)}`);
  },
});

function calendarCheck({ timezone }: Config, service: CalendarService, source: CalendarSource): Check {
  return {
    name: `sources.calendar.${source.name}`,
    look: async (signal) => {
      const began = performance.now();
      const window = daysWindow(dayOf(new Date(), timezone), 1, timezone);
      const agenda = await readAgenda({ ...service, calendars: [source] }, window, signal);
      const saw = `${counted(agenda.events.length, "event")} today, in ${since(began)}`;
      const failed = agenda.failed.map(({ reason }): Finding => findingOf(new ClawError("fetch_failed", reason)));
      if (failed.length > 0) return failed;
      return agenda.damaged > 0
        ? warn(`${saw}; ${agenda.damaged} could not be read`, "look at them in the calendar's own program")
        : ok(saw);
    },
  };
}
