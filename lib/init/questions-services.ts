/** Questions about the services that jobs and agents read; each may be left out. */
import { httpUrl } from "../config/primitives.ts";
import { tasksSection } from "../config/sections/services.ts";
import { by, type Question, secretText, tokenText, wrong } from "./question.ts";
import { givenSecrets } from "./secrets.ts";

/** Alerts, calendar, feeds, tasks. */
export const serviceQuestions: readonly Question[] = [
  {
    key: "alertsUrl",
    flag: "--alertmanager-url <url>",
    help: "Alertmanager, for the morning briefing",
    ask: "Alertmanager's address, for the morning briefing",
    otherwise: "none",
    check: by(httpUrl),
  },
  {
    key: "calendarUrl",
    flag: "--calendar-url <url>",
    help: "a CalDAV server or an .ics file, for the morning briefing",
    ask: "A CalDAV server or an .ics file, for the morning briefing",
    otherwise: "none",
    check: by(httpUrl),
  },
  {
    key: "calendarUser",
    flag: "--calendar-user <name>",
    help: "the user of that server",
    ask: "Its user",
    when: ({ calendarUrl }) => calendarUrl !== undefined,
    otherwise: "it wants none",
    check: (text) => {
      if (/[\p{Cc}:]/u.test(text)) throw wrong("must be one line without a colon");
      return text;
    },
  },
  {
    key: "calendarPassword",
    flag: "--calendar-password-file <file>",
    help: "a file with that user's password (or the variable CALDAV_PASSWORD)",
    ask: "Their password",
    secret: givenSecrets.calendarPassword,
    when: ({ calendarUser }) => calendarUser !== undefined,
    check: secretText,
  },
  {
    key: "feedsUrl",
    flag: "--miniflux-url <url>",
    help: "Miniflux, for the weekly digest",
    ask: "Miniflux's address, for the weekly digest",
    otherwise: "none",
    check: by(httpUrl),
  },
  {
    key: "feedsToken",
    flag: "--miniflux-token-file <file>",
    help: "a file with its API key (or the variable MINIFLUX_TOKEN)",
    ask: "Its API key (Settings, API Keys)",
    secret: givenSecrets.feedsToken,
    when: ({ feedsUrl }) => feedsUrl !== undefined,
    check: tokenText,
  },
  {
    key: "tasksUrl",
    flag: "--plane-url <url>",
    help: "Plane, for the weekly task review",
    ask: "Plane's address, for the weekly task review",
    otherwise: "none",
    check: by(httpUrl),
  },
  {
    key: "tasksWorkspace",
    flag: "--plane-workspace <slug>",
    help: "its workspace, as in its URL",
    ask: "Its workspace, as in its URL",
    when: ({ tasksUrl }) => tasksUrl !== undefined,
    check: by(tasksSection.shape.workspace),
  },
  {
    key: "tasksToken",
    flag: "--plane-token-file <file>",
    help: "a file with its API key (or the variable PLANE_TOKEN)",
    ask: "Its API key",
    secret: givenSecrets.tasksToken,
    when: ({ tasksUrl }) => tasksUrl !== undefined,
    check: tokenText,
  },
];
