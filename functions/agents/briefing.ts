/** Alerts since the last briefing, and the day's appointments. */
import type { JobFunction, Reading } from "../../lib/agent/job-function.ts";
import { jobMessages, sourceText } from "./instructions.ts";
import { jobMessage, plainSources, quietLine, tidied } from "./message.ts";
import { dataOf, failedCalendars } from "./readings.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";
import { minuteName } from "../../lib/time/names.ts";

/** Alerts that fire or ended since the last briefing, and what the calendar has for the day of the slot. */
export const briefing: JobFunction = {
  own: ["alerts_list", "calendar_agenda"],

  sources: ({ previous, slot, timezone }) => [
    { tool: "alerts_list", args: { since: previous.toISOString() }, title: "Alerts" },
    { tool: "calendar_agenda", args: { from: dayOf(slot, timezone), days: 1 }, title: "Calendar" },
  ],

  compose(context, readings) {
    if (!readings.some(hasNews)) return undefined;
    const what =
      "Brief the reader for the day. Alerts that fire now first, the gravest first; " +
      `then what ended since ${minuteName(context.previous, context.timezone)}, in a line or two. ` +
      "Then the day's appointments by time; point out what collides.";
    return jobMessages(context, { what }, readings.filter(({ state }) => state !== "absent").map(sourceText));
  },

  finish: (context, readings, text) =>
    jobMessage(
      context,
      readings,
      text?.trim() ? tidied(text) : readings.some(hasNews) ? plainSources(readings) : quietLine(readings),
    ),

  isPartial: (readings) => failedCalendars(readings).length > 0,
};

/** What is of another shape than expected may be news. */
function hasNews(reading: Reading): boolean {
  if (reading.state !== "read") return false;
  const alerts = dataOf("alerts_list", reading);
  const calendar = dataOf("calendar_agenda", reading);
  if (alerts) return alerts.firing.length + alerts.ended.length > 0;
  return calendar ? calendar.events.length > 0 : reading.text.trim() !== "";
}
