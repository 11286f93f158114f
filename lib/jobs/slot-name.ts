/** Slots as people name them: on the clock of the job's zone, or as an instant. */
import { ClawError } from "../errors.ts";
import { isSlot, lastSlot, nextSlot, type Timetable } from "./slots.ts";

const localTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$/;
const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;
const dayMs = 86_400_000;

/** The slot of a name; throws ClawError `bad_request` where the job is not due then, naming when it is. */
export function parseSlot(job: Timetable & { readonly name: string }, text: string): Date {
  const candidates = localTime.test(text) ? instantsOf(text, job.timezone) : instant.test(text) ? [new Date(text)] : [];
  const [first] = candidates.filter((at) => !Number.isNaN(at.getTime()));
  if (!first)
    throw new ClawError(
      "bad_request",
      `slot: "${text.slice(0, 40)}" is no time; write it as 2026-11-24T08:00 (${job.timezone}) or 2026-11-24T07:00Z`,
    );
  const slot = candidates.find((at) => isSlot(job, at));
  if (slot) return slot;
  const nearest = [lastSlot(job, first), nextSlot(job, first)].flatMap((at) => (at ? [slotName(job, at)] : []));
  throw new ClawError(
    "bad_request",
    `slot: ${job.name} is not due at ${text} (${job.timezone}); nearest are ${nearest.join(" and ")}`,
  );
}

/** A slot's name: the local time, or the instant where that names another one too, at the end of summer time. */
export function slotName(timetable: Timetable, slot: Date): string {
  const local = localName(slot, timetable.timezone);
  const meant = instantsOf(local, timetable.timezone).find((at) => isSlot(timetable, at));
  return meant?.getTime() === slot.getTime() ? local : slot.toISOString();
}

/** An instant on the clock of a zone, such as `2026-11-24T08:00`. */
export function localName(at: Date, timezone: string): string {
  const shifted = new Date(at.getTime() + offsetMs(at, timezone));
  return shifted.toISOString().slice(0, at.getUTCSeconds() === 0 ? 16 : 19);
}

/** The instants at which a zone's clock shows this time, earlier ones first; of a time that it skips, those beside it. */
function instantsOf(local: string, timezone: string): Date[] {
  const asUtc = new Date(`${local.replace(" ", "T")}Z`);
  if (Number.isNaN(asUtc.getTime())) return [asUtc];
  const offsets = [-dayMs, 0, dayMs].map((shift) => offsetMs(new Date(asUtc.getTime() + shift), timezone));
  const instants = [...new Set(offsets.map((offset) => asUtc.getTime() - offset))].sort((a, b) => a - b);
  return instants.map((at) => new Date(at));
}

/** How far a zone's clock is ahead of UTC at an instant. */
function offsetMs(at: Date, timezone: string): number {
  const parts = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    timeZone: timezone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((each) => each.type === type)?.value ?? 0);
  const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return shown - Math.floor(at.getTime() / 1000) * 1000;
}
