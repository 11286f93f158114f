/** Tasks by due date and state, and commitments due and kept. */
import type { JobContext, JobFunction, Reading } from "../../lib/agent/job-function.ts";
import { linkTarget } from "../../lib/channel/markdown-link.ts";
import { jobMessages, sourceText, type SourceText } from "./instructions.ts";
import { jobMessage, noSources, plainSources, tidied } from "./message.ts";
import { dataOf, readingOf } from "./readings.ts";
import { withLinkedIds } from "./references.ts";
import { commitmentGroups, groupsText, isDoneBefore, taskGroups } from "./review-groups.ts";
import { dayName } from "../../lib/time/names.ts";

/** What is overdue, due, in progress and left lying, and what was done since the last review. Commitments are those of the job's `for`. */
export const review: JobFunction = {
  own: ["tasks_mine", "commitments_list"],

  sources: () => [
    { tool: "tasks_mine", args: { state: "all" }, title: "Tasks" },
    { tool: "commitments_list", args: { include_done: true }, title: "Commitments" },
  ],

  compose(context, readings) {
    const facts = factsOf(context, readings);
    if (facts.length === 0) return undefined;
    const failed = readings.filter(({ state }) => state === "failed").map(sourceText);
    const what =
      "Write the review of tasks and commitments. Begin with one line on how things stand. Then what is overdue, what is due " +
      "this week, what is in progress, and what lies untouched and should be done, moved or dropped; at the end what was " +
      "done, in a line. Name tasks by their ids. The groups and days below are computed: take them as they are.";
    return jobMessages(context, { what }, [...facts, ...failed]);
  },

  finish(context, readings, text) {
    const facts = factsOf(context, readings);
    const body = facts.map(({ text: fact }) => fact).join("\n\n") || nothing(context, readings);
    const message = facts.length > 0 && text?.trim() ? tidied(text) : body;
    return jobMessage(context, readings, withLinkedIds(message, targetsOf(readings)));
  },

  links: (readings) => [...targetsOf(readings).values()],
};

/** Where each task is looked at, by its id. */
function targetsOf(readings: readonly Reading[]): ReadonlyMap<string, string> {
  const tasks = dataOf("tasks_mine", readingOf(readings, "tasks_mine"))?.tasks ?? [];
  return new Map(
    tasks.flatMap(({ id, url }): [string, string][] => {
      const target = url === undefined ? undefined : linkTarget(url);
      return target === undefined ? [] : [[id, target]];
    }),
  );
}

/** What there is to say, each source with its groups, or in its tool's own words where its data is strange. */
function factsOf(context: JobContext, readings: readonly Reading[]): SourceText[] {
  const read = readings.filter(({ state }) => state === "read");
  const strange = read.filter((reading) => !dataOf("tasks_mine", reading) && !dataOf("commitments_list", reading));
  const { tasks = [], more = false } = dataOf("tasks_mine", readingOf(readings, "tasks_mine")) ?? {};
  const commitments = read.flatMap((reading) => dataOf("commitments_list", reading)?.commitments ?? []);
  // The open ones are listed first, then the last done: what is cut off behind one done before is of no interest here.
  const cut = more && !tasks.some((task) => isDoneBefore(task, context.previous));
  const note = cut ? ["There are more tasks than could be listed."] : [];
  return [
    { title: "Tasks", text: [groupsText(taskGroups(tasks, context)), ...note].join("\n\n").trim() },
    { title: "Commitments", text: groupsText(commitmentGroups(commitments, context)) },
    ...strange.map((reading) => ({ title: reading.call.title, text: plainSources([reading]) })),
  ].filter(({ text }) => text !== "");
}

function nothing({ previous, timezone }: JobContext, readings: readonly Reading[]): string {
  const read = new Set(readings.filter(({ state }) => state === "read").map(({ call }) => call.tool));
  const none = [
    ...(read.has("tasks_mine") ? ["no open tasks"] : []),
    ...(read.has("commitments_list") ? ["no commitments"] : []),
  ];
  if (none.length > 0)
    return `Nothing to review: ${none.join(", ")}, and nothing done since ${dayName(previous, timezone)}.`;
  return readings.some(({ state }) => state === "failed") ? "" : noSources;
}
