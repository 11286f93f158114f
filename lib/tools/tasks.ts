/** tasks_*: the tasks of a person in the household's tracker. */
import { z } from "zod";
import type { Services, TasksService } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { cutTo } from "../sources/fair-share.ts";
import { textOfHtml } from "../sources/plain.ts";
import { priorities, type Asking, type Task, type TaskDetails, type Tracker } from "../sources/tracker.ts";
import { trackerOf } from "../sources/trackers.ts";
import { dayInput } from "./dates.ts";
import { defineTool, type Tool, type ToolContext } from "./define.ts";
import { addDays } from "../time/days.ts";
import { dayOf, minuteOf } from "../time/wall-clock.ts";

/** What tasks_mine returns as `data`. */
export interface TasksData {
  /** As they are shown: the overdue ones, by their date, first. */
  readonly tasks: readonly Task[];
  /** Whether there are more, or may be, than are in `tasks`. */
  readonly more: boolean;
}

/** What tasks_get returns as `data`. */
export interface TaskData {
  readonly task: Task & Pick<TaskDetails, "mine" | "assignees"> & { readonly description: string };
}

const taskId = z
  .string()
  .trim()
  .max(40)
  // By a function: a pattern would be sent with every request.
  .refine((text) => /^[^\s/?#-]{1,24}-[0-9]{1,9}$/.test(text), "must be a task's id, such as HOME-12")
  .toUpperCase()
  .describe("Such as HOME-12");

const maxDescription = 12_000;
const maxComment = 2_000;
const soonDays = 7;
/** A tracker that wants us to wait is waited for so long: its limit is by the minute. */
const patienceMs = 65_000;

/** The family's tools. `services` is read at each call: config may change. */
export function tasksTools(services: () => Services): Tool[] {
  const facts = { service: "tasks" as const, timeoutMs: 120_000 };
  const reading = { ...facts, labels: ["untrusted", "private"] as const, effect: "idempotent" as const };
  const tracker = (): Tracker => trackerOf(serviceOf(services()));
  return [
    defineTool({
      ...reading,
      name: "tasks_mine",
      description: "Tasks of the tracker's account by due date, with priority and state.",
      input: z.strictObject({
        state: z.enum(["open", "done", "all"]).default("open"),
        due_before: dayInput.optional(),
      }),
      outputLimit: 150_000,
      async run({ state, due_before }, context) {
        const found = await tracker().mine(askingOf(context));
        const today = dayOf(context.now(), context.timezone);
        const wanted = found.tasks
          .filter((task) => state === "all" || isDone(task) === (state === "done"))
          .filter(({ due }) => due_before === undefined || (due !== undefined && due < due_before));
        const sections = sectionsOf(wanted, today);
        const shown = limited(sections, serviceOf(services()).maxTasks);
        const tasks = shown.flatMap(({ tasks }) => tasks);
        const data: TasksData = { tasks, more: found.more || tasks.length < wanted.length };
        const notes = [
          ...(tasks.length < wanted.length ? [`[and ${wanted.length - tasks.length} more]`] : []),
          ...(found.more ? ["[and perhaps more: the tracker has too many tasks to look at all]"] : []),
          ...(found.damaged > 0 ? [`[${found.damaged} could not be read and are left out]`] : []),
        ];
        const what = state === "all" ? "" : `${state} `;
        const head = wanted.length === 0 ? `No ${what}tasks.` : `${wanted.length} ${what}${plural(wanted.length)}.`;
        return { text: [head, ...shown.map((each) => written(each, today)), ...notes].join("\n\n"), data };
      },
    }),
    defineTool({
      ...reading,
      name: "tasks_get",
      description: "One task of the tracker with its description and last comments.",
      input: z.strictObject({ id: taskId }),
      outputLimit: 50_000,
      async run({ id }, context) {
        const found = await tracker().get(id, askingOf(context));
        const description = cutTo(await textOfHtml(found.description, found.url), maxDescription);
        const comments: string[] = [];
        for (const { author, at, html } of found.comments) {
          const text = cutTo(await textOfHtml(html, found.url), maxComment);
          comments.push(`${author}, ${minuteOf(new Date(at), context.timezone)}: ${text}`);
        }
        const { description: _, comments: __, moreComments, ...task } = found;
        const last = moreComments ? `The last ${comments.length} comments:` : "Comments:";
        const data: TaskData = { task: { ...task, description } };
        const parts = [
          headOf(found, context),
          description || "[no description]",
          ...(comments.length > 0 ? [last, ...comments] : []),
        ];
        return { text: parts.join("\n\n"), data };
      },
    }),
    defineTool({
      ...facts,
      name: "tasks_comment",
      description: "Writes a comment on a task, in plain text.",
      input: z.strictObject({ id: taskId, text: z.string().trim().min(1).max(10_000) }),
      labels: ["act"],
      // The tracker is given the call's key.
      effect: "keyed",
      outputLimit: 1_000,
      async run({ id, text }, context) {
        const url = await tracker().comment(id, { text, key: context.callKey }, askingOf(context));
        return `Commented on ${id}: ${url}`;
      },
    }),
    defineTool({
      ...facts,
      name: "tasks_set_state",
      description: "Moves a task to another state of its project.",
      input: z.strictObject({ id: taskId, state: z.string().trim().min(1).max(100).describe("Its name") }),
      labels: ["act"],
      effect: "idempotent",
      outputLimit: 1_000,
      async run({ id, state }, context) {
        const { from, to } = await tracker().setState(id, state, askingOf(context));
        return from === to ? `${id} is in "${to}" already.` : `${id} is now in "${to}"; it was in "${from}".`;
      },
    }),
  ] as Tool[];
}

function serviceOf({ tasks }: Services): TasksService {
  if (tasks) return tasks;
  throw new ClawError("config_invalid", "there is no task tracker: set tools.tasks in openclaw.toml");
}

const askingOf = ({ signal, now }: ToolContext): Asking => ({
  signal,
  now,
  until: new Date(now().getTime() + patienceMs),
});

const isDone = ({ group }: Task): boolean => group === "completed" || group === "cancelled";

interface Section {
  readonly title: string;
  readonly tasks: readonly Task[];
}

/** Whatever is open by its date, then what is done; empty ones left out. */
function sectionsOf(tasks: readonly Task[], today: string): Section[] {
  const soon = addDays(today, soonDays);
  const open = tasks.filter((task) => !isDone(task)).sort(byDate);
  const within = (satisfies: (due: string) => boolean): Task[] =>
    open.filter(({ due }) => due !== undefined && satisfies(due));
  return [
    { title: "Overdue", tasks: within((due) => due < today) },
    { title: `Due by ${soon}`, tasks: within((due) => due >= today && due <= soon) },
    { title: "Later", tasks: within((due) => due > soon) },
    { title: "No date", tasks: open.filter(({ due }) => due === undefined) },
    { title: "Done", tasks: tasks.filter(isDone).sort((a, b) => doneAt(b).localeCompare(doneAt(a))) },
  ].filter((section) => section.tasks.length > 0);
}

const doneAt = ({ completed, updated }: Task): string => completed ?? updated;

function byDate(a: Task, b: Task): number {
  const rank = ({ priority }: Task): number => priorities.indexOf(priority);
  return (a.due ?? "").localeCompare(b.due ?? "") || rank(a) - rank(b) || b.updated.localeCompare(a.updated);
}

function limited(sections: readonly Section[], most: number): Section[] {
  let left = most;
  return sections
    .map(({ title, tasks }) => {
      const shown = tasks.slice(0, left);
      left -= shown.length;
      return { title, tasks: shown };
    })
    .filter(({ tasks }) => tasks.length > 0);
}

const written = ({ title, tasks }: Section, today: string): string =>
  [`${title}:`, ...tasks.map((task) => `- ${task.id} ${task.title} — ${factsOf(task, today).join(", ")}`)].join("\n");

function factsOf({ priority, state, due, labels, group, completed }: Task, today: string): string[] {
  return [
    ...(priority === "none" ? [] : [priority]),
    state,
    ...(group === "completed" && completed !== undefined ? [`done ${completed.slice(0, 10)}`] : []),
    ...(due === undefined ? [] : [due === today ? "due today" : `due ${due}`]),
    ...(labels.length > 0 ? [`labels ${labels.join(" ")}`] : []),
  ];
}

function headOf(task: TaskDetails, { timezone, now }: ToolContext): string {
  const { id, title, mine, assignees, created, updated, url } = task;
  const others = assignees.join(", ");
  const whose = mine
    ? `Assigned to ${others}`
    : others === ""
      ? "Assigned to nobody"
      : `Assigned to ${others}, not to the account`;
  return [
    `${id} ${title}`,
    factsOf(task, dayOf(now(), timezone)).join(", "),
    `${whose}. Created ${minuteOf(new Date(created), timezone)}, changed ${minuteOf(new Date(updated), timezone)}.`,
    url,
  ].join("\n");
}

const plural = (count: number): string => (count === 1 ? "task" : "tasks");
