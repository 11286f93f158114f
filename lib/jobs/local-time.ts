import { Cron } from "croner";

const pattern = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})$/;

/**
 * The instant that a zone's clocks call `2026-11-28T18:00`; undefined where there is no such day or time. A time that a
 * change of clocks leaves out is the one as much later, of one that comes twice the first is meant.
 */
export function instantOf(local: string, timezone: string): Date | undefined {
  const [, day, time] = pattern.exec(local) ?? [];
  const named = day === undefined ? undefined : new Date(`${local}:00Z`);
  // Date rolls a 30 February over into March.
  if (time === undefined || Number.isNaN(named?.getTime()) || named?.toISOString().slice(0, 16) !== local)
    return undefined;
  return new Cron(`${local}:00`, { timezone, paused: true }).nextRun(new Date(0)) ?? undefined;
}
