/** When the clocks of a zone change, by the zone data of Intl. */
import { offsetAt } from "../time/wall-clock.ts";

/** The clocks of a zone change at `at`; offsets from UTC in milliseconds, east positive. */
export interface ClockChange {
  readonly at: Date;
  readonly before: number;
  readonly after: number;
}

/** Changes that undo each other within so long are not found; the shortest there is holds for a month. */
const stepMs = 7 * 86_400_000;
const minuteMs = 60_000;

/** The changes after one instant up to another, in order. */
export function clockChanges(timezone: string, from: Date, to: Date): ClockChange[] {
  const offset = (ms: number): number => offsetAt(ms, timezone);
  const changes: ClockChange[] = [];
  let before = offset(from.getTime());
  for (let at = from.getTime(); at < to.getTime(); at += stepMs) {
    const after = offset(at + stepMs);
    if (after !== before) changes.push({ at: new Date(firstAt(at, (ms) => offset(ms) === after)), before, after });
    before = after;
  }
  return changes;
}

/** The first whole minute within a step at which `holds`, which goes on once it does. */
function firstAt(from: number, holds: (ms: number) => boolean): number {
  let [no, yes] = [Math.floor(from / minuteMs), Math.ceil((from + stepMs) / minuteMs)];
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (holds(middle * minuteMs)) yes = middle;
    else no = middle;
  }
  return yes * minuteMs;
}
