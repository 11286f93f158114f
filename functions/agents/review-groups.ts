/** Tasks and commitments in the groups a review speaks of. Computed here, so that no model has to count days. */
import type { Commitment, Task } from "./readings.ts";
import { oneLine } from "../../lib/one-line.ts";
import { addDays, daysBetween } from "../../lib/time/days.ts";
import { dayOf } from "../../lib/time/wall-clock.ts";
import { shortDay } from "../../lib/time/names.ts";

/** What a group's lines say, and how many there are. */
export interface ReviewGroup {
  readonly title: string;
  /** Each on one line, the first the most pressing. */
  readonly lines: readonly string[];
}

/** When the review is, and when the last one was. */
export interface ReviewTime {
  readonly slot: Date;
  readonly previous: Date;
  readonly timezone: string;
}

const closed = ["completed", "cancelled"];
const staleDays = 14;

/** Each open task in the first group that it fits; of the done ones those that were done since the last review. */
export function taskGroups(tasks: readonly Task[], time: ReviewTime): ReviewGroup[] {
  const today = dayOf(time.slot, time.timezone);
  const untilDate = addDays(today, 6);
  const idle = ({ updated }: Task): number =>
    updated ? daysBetween(dayOf(new Date(updated), time.timezone), today) : 0;
  const line = (task: Task): string => {
    const { id, title, due, state, priority } = task;
    const facts = [
      due ? dueWords(due, today) : "",
      priority === "none" ? "" : priority,
      state,
      idle(task) >= staleDays ? `untouched for ${idle(task)} days` : "",
    ];
    return `${oneLine(id, 40)} ${oneLine(title, 200)}${facts
      .filter(Boolean)
      .map((fact) => `, ${oneLine(fact, 60)}`)
      .join("")}`;
  };
  const open = tasks.filter(({ group }) => !closed.includes(group)).toSorted(byDue);
  const done = tasks.filter((task) => task.group === "completed" && !isDoneBefore(task, time.previous));
  const kind = (task: Task): "overdue" | "week" | "started" | "stale" | "other" => {
    const { due, group } = task;
    if (due && due < today) return "overdue";
    if (due && due <= untilDate) return "week";
    if (group === "started") return "started";
    return idle(task) >= staleDays ? "stale" : "other";
  };
  const { overdue = [], week = [], started = [], stale = [], other = [] } = Object.groupBy(open, kind);
  return filled([
    ["Overdue", overdue.map(line)],
    [`Due by ${shortDay(untilDate)}`, week.map(line)],
    ["In progress", started.map(line)],
    [`Not touched for ${staleDays} days`, stale.map(line)],
    ["Other open tasks", other.map(line)],
    ["Done since the last review", done.map(({ id, title }) => `${oneLine(id, 40)} ${oneLine(title, 200)}`)],
  ]);
}

/** Whether a task was done, or dropped, before an instant; of one whose time is not known it is taken to be so. */
export const isDoneBefore = ({ group, completed, updated }: Task, at: Date): boolean =>
  closed.includes(group) && new Date(completed ?? updated ?? 0) < at;

/** The same of commitments: those that are due later or never are only counted by their lines. */
export function commitmentGroups(commitments: readonly Commitment[], time: ReviewTime): ReviewGroup[] {
  const today = dayOf(time.slot, time.timezone);
  const untilDate = addDays(today, 6);
  const line = ({ text, due }: Commitment): string => `${oneLine(text, 300)}${due ? `, ${dueWords(due, today)}` : ""}`;
  const open = commitments.filter(({ completedAt }) => !completedAt).toSorted(byDue);
  const kept = commitments.filter(({ completedAt }) => completedAt && new Date(completedAt) >= time.previous);
  const kind = ({ due }: Commitment): "overdue" | "week" | "later" =>
    due && due < today ? "overdue" : due && due <= untilDate ? "week" : "later";
  const { overdue = [], week = [], later = [] } = Object.groupBy(open, kind);
  return filled([
    ["Commitments overdue", overdue.map(line)],
    [`Commitments due by ${shortDay(untilDate)}`, week.map(line)],
    ["Commitments for later", later.map(line)],
    ["Commitments kept since the last review", kept.map(({ text }) => oneLine(text, 300))],
  ]);
}

const mostLines = 20;

/** Groups as Markdown, for the model and for people alike. */
export const groupsText = (groups: readonly ReviewGroup[]): string =>
  groups
    .map(({ title, lines }) => {
      const shown = lines.slice(0, mostLines).map((line) => `- ${line}`);
      const more = lines.length > mostLines ? [`- … and ${lines.length - mostLines} more`] : [];
      return [`**${title} (${lines.length})**`, ...shown, ...more].join("\n");
    })
    .join("\n\n");

const filled = (groups: readonly (readonly [string, string[]])[]): ReviewGroup[] =>
  groups.filter(([, lines]) => lines.length > 0).map(([title, lines]) => ({ title, lines }));

/** Those without a date last, else as they came. */
const byDue = (a: { due?: string | null | undefined }, b: { due?: string | null | undefined }): number =>
  (a.due ?? "9999").localeCompare(b.due ?? "9999");

function dueWords(due: string, today: string): string {
  const days = daysBetween(today, due);
  if (days === 0) return "due today";
  if (days === 1) return "due tomorrow";
  const late = days === -1 ? ", 1 day late" : days < 0 ? `, ${-days} days late` : "";
  return `due ${shortDay(due)}${late}`;
}
