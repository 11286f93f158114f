/** Dates of the calendar, YYYY-MM-DD, which have no time and no zone. */
const dayMs = 86_400_000;

/** A date as an instant, to be formatted in UTC. */
export const midnight = (date: string): Date => new Date(`${date}T00:00:00Z`);

/** The date so many days later. */
export const addDays = (date: string, days: number): string =>
  new Date(midnight(date).getTime() + days * dayMs).toISOString().slice(0, 10);

/** Days from one date to another; less than 0 where the other is earlier. */
export const daysBetween = (from: string, to: string): number =>
  (midnight(to).getTime() - midnight(from).getTime()) / dayMs;
