/** What tools return to code, read tolerantly: what is damaged is left out, and what is of another shape is text alone. */
import { z } from "zod";
import type { Reading } from "../../lib/agent/job-function.ts";
import { safeParse } from "../../lib/safe-parse.ts";

const word = z.string().catch("");
const instant = z.iso.datetime({ offset: true });

const alert = z.object({ fingerprint: z.string(), name: word, url: z.string().optional().catch(undefined) });
const event = z.object({ title: word, start: z.string() });
const failure = z.object({ calendar: z.string(), reason: word });

const entry = z.object({
  id: z.int().positive(),
  title: word,
  url: z.string().optional().catch(undefined),
  feed: word,
  category: word,
  published: word,
  text: word,
});
/** An entry of feeds_unread. */
export type Entry = z.infer<typeof entry>;

const date = z.iso.date().nullish().catch(undefined);
const when = instant.nullish().catch(undefined);

const task = z.object({
  id: z.string().min(1),
  title: word,
  state: word,
  /** backlog, unstarted, started, completed, cancelled or triage. */
  group: word,
  priority: word,
  due: date,
  updated: when,
  completed: when,
  url: z.string().optional().catch(undefined),
});
/** A task of tasks_mine. */
export type Task = z.infer<typeof task>;

const commitment = z.object({ id: z.int(), text: word, due: date, completedAt: when });
/** A commitment of commitments_list. */
export type Commitment = z.infer<typeof commitment>;

/** The items of a list that have their shape. */
const listOf = <Item>(item: z.ZodType<Item>): z.ZodType<Item[]> =>
  z.array(z.unknown()).transform((items) => items.flatMap((each) => safeParse(item, each).data ?? []));

/** By tool; the lists alone. */
const shapes = {
  alerts_list: z.object({ firing: listOf(alert), ended: listOf(alert) }),
  calendar_agenda: z.object({ events: listOf(event), failed: listOf(failure).catch([]) }),
  feeds_unread: z.object({ entries: listOf(entry), total: z.int().catch(0) }),
  tasks_mine: z.object({ tasks: listOf(task), more: z.boolean().catch(false) }),
  commitments_list: z.object({ commitments: listOf(commitment) }),
};

/** What a tool returned to code; undefined: it was not read, or it is of another shape. */
export function dataOf<Tool extends keyof typeof shapes>(
  tool: Tool,
  reading: Reading | undefined,
): z.infer<(typeof shapes)[Tool]> | undefined {
  if (reading?.state !== "read" || reading.call.tool !== tool) return undefined;
  return safeParse(shapes[tool], reading.data).data as z.infer<(typeof shapes)[Tool]> | undefined;
}

/** The reading of a tool. */
export const readingOf = (readings: readonly Reading[], tool: string): Reading | undefined =>
  readings.find(({ call }) => call.tool === tool);

/**
 * Whether there was nothing in what a source returned: a tool says so by data with lists that are all empty, or by no
 * text at all.
 */
export function isEmpty({ data, text }: Reading): boolean {
  if (text.trim() === "") return true;
  const lists = Object.values(safeParse(z.record(z.string(), z.unknown()), data).data ?? {}).filter(Array.isArray);
  return lists.length > 0 && lists.every((list) => list.length === 0);
}

/** Calendars that failed while others of the same call answered. */
export const failedCalendars = (readings: readonly Reading[]): { calendar: string; reason: string }[] =>
  readings.flatMap((reading) => dataOf("calendar_agenda", reading)?.failed ?? []);
