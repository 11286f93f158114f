/** calendar_agenda: what the calendars have on some days. */
import { z } from "zod";
import type { Services } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { type Agenda, type CalendarEvent, type CalendarFailure, daysWindow, readAgenda } from "../sources/calendar.ts";
import type { DaysWindow } from "../sources/ics-expand.ts";
import { dayInput } from "./dates.ts";
import { defineTool, type Tool } from "./define.ts";
import { addDays } from "../time/days.ts";
import { dayOf, timeOf } from "../time/wall-clock.ts";
import { shortDay, shortTime } from "../time/names.ts";

/** What calendar_agenda returns for code. */
export interface CalendarData {
  /** By their starts. */
  readonly events: readonly CalendarEvent[];
  readonly failed: readonly CalendarFailure[];
}

/** The tool. `services` is asked at each call: config may change. */
export const calendarTool = (services: () => Services): Tool =>
  defineTool({
    name: "calendar_agenda",
    description: "Lists calendar events of today, or of days from a date on.",
    input: z.strictObject({ from: dayInput.optional(), days: z.int().min(1).max(31).default(1) }),
    // Untrusted: anybody may send an invitation.
    labels: ["untrusted", "private"],
    effect: "idempotent",
    service: "calendar",
    timeoutMs: 120_000,
    outputLimit: 60_000,
    async run({ from, days }, { now, timezone, signal }) {
      const { calendar: service } = services();
      if (!service) throw new ClawError("config_invalid", "There is no calendar in the config: set [tools.calendar].");
      const window = daysWindow(from ?? dayOf(now(), timezone), days, timezone);
      const agenda = await readAgenda(service, window, signal);
      const data: CalendarData = { events: agenda.events, failed: agenda.failed };
      return { text: toText(agenda, window), data };
    },
  });

function toText(agenda: Agenda, window: DaysWindow): string {
  const { events, failed, damaged, more, calendars } = agenda;
  const line = (event: CalendarEvent): string => eventLine(event, window, calendars > 1);
  const days = Map.groupBy(events, (event) => shownOn(event, window));
  const lines = [...days].flatMap(([day, found]) => [`${shortDay(day)}:`, ...found.map(line), ""]);
  if (events.length === 0) lines.push(`No events ${spanOf(window)}.`);
  if (more > 0) lines.push(`… and ${more} more.`);
  if (damaged > 0) lines.push(`${damaged} more could not be read.`);
  lines.push(...failed.map(({ reason }) => `Not read: ${reason}`));
  return lines.join("\n").trim();
}

/** What began before the window is shown on its first day. */
function shownOn({ start, allDay }: CalendarEvent, { from, timezone }: DaysWindow): string {
  const day = allDay ? start : dayOf(new Date(start), timezone);
  return day < from ? from : day;
}

/** `- 09:00–09:30 Standup, Room 2 [Work]`. */
function eventLine(event: CalendarEvent, window: DaysWindow, named: boolean): string {
  const { title, location, calendar } = event;
  const where = location === undefined ? "" : `, ${location}`;
  return `- ${whenOf(event, window)} ${title}${where}${named ? ` [${calendar}]` : ""}`;
}

function whenOf({ start, end, allDay }: CalendarEvent, { timezone, from }: DaysWindow): string {
  if (allDay) {
    const last = addDays(end, -1);
    const since = start < from ? `since ${shortDay(start)}` : "";
    const until = last > (start < from ? from : start) ? `until ${shortDay(last)}` : "";
    return ["all day", [since, until].filter(Boolean).join(" ")].filter(Boolean).join(", ") + ":";
  }
  const [begins, ends] = [new Date(start), new Date(end)];
  const [first, last] = [dayOf(begins, timezone), dayOf(ends, timezone)];
  const since = first < from ? shortTime(begins, timezone) : timeOf(begins, timezone);
  if (start === end) return since;
  return `${since}–${first === last ? timeOf(ends, timezone) : shortTime(ends, timezone)}`;
}

const spanOf = ({ from, to }: DaysWindow): string =>
  addDays(from, 1) === to ? `on ${shortDay(from)}` : `from ${shortDay(from)} to ${shortDay(addDays(to, -1))}`;
