/** Slots as people name them: on the clock of the job's zone, or as an instant. */
import { ClawError } from "../errors.ts";
import { instantsOf, localName } from "../time/wall-clock.ts";
import { isSlot, lastSlot, nextSlot, type Timetable } from "../time/slots.ts";

const localTime = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$/;
const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

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
