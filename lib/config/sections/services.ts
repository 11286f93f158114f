/** Services of the house that tools read: `[tools.alerts]`, `[tools.calendar]`, `[tools.feeds]`, `[tools.tasks]`. */
import { z } from "zod";
import { count, httpUrl, name, secretRef } from "../primitives.ts";

const timeout = z.number().positive().max(60).default(20).describe("The longest one request may take.");

const basic = {
  user: z.string().min(1).optional().describe("For HTTP Basic; goes with password."),
  password: secretRef.optional().describe("For HTTP Basic; goes with user."),
};

/** `[tools.alerts]`. */
export const alertsSection = z
  .strictObject({
    url: httpUrl.describe("Alertmanager, or Grafana's /api/alertmanager/grafana."),
    token: secretRef.optional().describe("A bearer token, where it wants one."),
    ...basic,
    timeout_seconds: timeout,
    watch_minutes: z
      .number()
      .positive()
      .max(1_440)
      .default(5)
      .describe("How often the gateway looks, so that a briefing knows what came and went in between."),
    max_alerts: count.max(500).default(100).describe("Alerts the model is given at once."),
  })
  .describe("alerts_list.");

/** `[tools.calendar]`. */
export const calendarSection = z
  .strictObject({
    calendars: z
      .record(
        name,
        z.strictObject({
          url: httpUrl.describe("A CalDAV server, one calendar of it, or an ICS file."),
          kind: z.enum(["caldav", "ics"]).default("caldav").describe("How it is read."),
          ...basic,
          only: z
            .array(z.string().min(1))
            .default([])
            .describe("Calendars of a CalDAV server by their names there; left out, all."),
        }),
      )
      .default({})
      .describe("Calendars, by the name that is shown."),
    timeout_seconds: timeout,
    max_events: count.max(500).default(100).describe("Events the model is given at once."),
  })
  .describe("calendar_agenda.");

/** `[tools.feeds]`. */
export const feedsSection = z
  .strictObject({
    url: httpUrl.describe("Miniflux."),
    token: secretRef.describe("An API key, made in Miniflux under Settings, API Keys."),
    timeout_seconds: timeout,
    max_entries: count.max(500).default(100).describe("Entries the model is given at once."),
    max_chars: count
      .max(90_000)
      .default(30_000)
      .describe("Characters of all their texts together; long ones are cut first."),
  })
  .describe("feeds_unread, feeds_search, feeds_mark_read.");

/** `[tools.tasks]`. */
export const tasksSection = z
  .strictObject({
    kind: z.enum(["plane"]).default("plane").describe("Which tracker it is."),
    url: httpUrl.describe("The tracker, without /api/v1."),
    token: secretRef.describe("An API key; what it may do, these tools may."),
    workspace: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/, "must be a workspace's slug, as in its URL")
      .describe("By its slug."),
    projects: z
      .array(z.string().min(1))
      .default([])
      .describe("Projects by their identifiers, such as HOME; left out, all."),
    timeout_seconds: timeout,
    max_tasks: count.max(500).default(100).describe("Tasks the model is given at once."),
  })
  .describe("tasks_mine, tasks_get, tasks_comment, tasks_set_state.");

/** `[tools.schedule]`. */
export const scheduleSection = z
  .strictObject({
    max_per_person: count.max(1_000).default(20).describe("Reminders and recurring checks one person may have."),
    least_minutes: count.max(10_080).default(15).describe("The least time between two occurrences of one."),
  })
  .prefault({})
  .describe("schedule_propose.");
