/** What agents read by, and what they do by themselves: the sections of services and jobs. */
import { type Answers, membersOf, placesOf } from "./answers.ts";
import { refOf } from "./secrets.ts";
import { lines, list, off, text } from "./toml.ts";

/** The agent's tools: those of the gateway itself, and of each service that is set up. */
export const agentTools = (answers: Answers): string[] => [
  ...["time_now", "commitments_*", "notes_*", "history_search", "files_send", "schedule_propose"],
  ...(answers.alertsUrl === undefined ? [] : ["alerts_*"]),
  ...(answers.calendarUrl === undefined ? [] : ["calendar_*"]),
  ...(answers.feedsUrl === undefined ? [] : ["feeds_*"]),
  ...(answers.tasksUrl === undefined ? [] : ["tasks_*"]),
];

/** `[tools.…]` of each service. */
export function toolSections(answers: Answers): string[] {
  const { alertsUrl, calendarUrl, calendarUser, feedsUrl, tasksUrl, tasksWorkspace } = answers;
  const sections: string[] = [];
  if (alertsUrl !== undefined)
    sections.push(lines("# Alertmanager, for alerts_list.", "[tools.alerts]", `url = ${text(alertsUrl)}`));
  if (calendarUrl !== undefined)
    sections.push(
      lines(
        "# One table a calendar, for calendar_agenda: a CalDAV server, or an ICS file.",
        "[tools.calendar.calendars.home]",
        `url = ${text(calendarUrl)}`,
        `kind = ${text(/\.ics$/i.test(calendarUrl) ? "ics" : "caldav")}`,
        calendarUser !== undefined && `user = ${text(calendarUser)}`,
        calendarUser !== undefined && `password = ${refOf(answers, "CALDAV_PASSWORD")}`,
      ),
    );
  if (feedsUrl !== undefined)
    sections.push(
      lines(
        "# Miniflux, for feeds_unread, feeds_search and feeds_mark_read.",
        "[tools.feeds]",
        `url = ${text(feedsUrl)}`,
        `token = ${refOf(answers, "MINIFLUX_TOKEN")}`,
      ),
    );
  if (tasksUrl !== undefined)
    sections.push(
      lines(
        "# Plane, for tasks_mine, tasks_get, tasks_comment and tasks_set_state.",
        "[tools.tasks]",
        `url = ${text(tasksUrl)}`,
        `token = ${refOf(answers, "PLANE_TOKEN")}`,
        `workspace = ${text(tasksWorkspace ?? "")}`,
      ),
    );
  return sections;
}

interface Job {
  readonly name: string;
  readonly comment: string;
  readonly function: string;
  readonly schedule: string;
  readonly tools: readonly string[];
  /** Whose commitments it reads. */
  readonly for?: string | undefined;
}

/** The jobs for which there is something to read. */
function jobsOf(answers: Answers): Job[] {
  const [person] = membersOf(answers);
  const briefing = [
    ...(answers.alertsUrl === undefined ? [] : ["alerts_list"]),
    ...(answers.calendarUrl === undefined ? [] : ["calendar_agenda"]),
  ];
  const jobs: Job[] = [];
  if (briefing.length > 0)
    jobs.push({
      name: "morning-briefing",
      comment: "On weekdays at 08:00: alerts since the last briefing, and today's appointments.",
      function: "briefing",
      schedule: "0 8 * * 1-5",
      tools: briefing,
    });
  if (answers.feedsUrl !== undefined)
    jobs.push({
      name: "weekly-digest",
      comment: "On Fridays at 19:00: the week's feeds. Entries are marked as read once the digest is delivered.",
      function: "digest",
      schedule: "0 19 * * 5",
      tools: ["feeds_unread", "feeds_mark_read"],
    });
  if (answers.tasksUrl !== undefined)
    jobs.push({
      name: "task-review",
      comment: "On Mondays at 09:00: tasks by due date, what is overdue and what lies, and promises.",
      function: "review",
      schedule: "0 9 * * 1",
      tools: person === undefined ? ["tasks_mine"] : ["tasks_mine", "commitments_list"],
      for: person,
    });
  return jobs;
}

/** The names of the jobs that are written. */
export const jobNames = (answers: Answers): string[] => jobsOf(answers).map(({ name }) => name);

/** `[jobs.NAME]` of each; off while nobody knows where they may speak. */
export function jobSections(answers: Answers): string[] {
  const places = placesOf(answers);
  const example = answers.matrixUser === undefined ? "telegram:123456789" : `matrix:!abc:${answers.matrixServer ?? ""}`;
  return jobsOf(answers).map((job) => {
    const section = lines(
      `[jobs.${job.name}]`,
      `agent = ${text(answers.agent)}`,
      `function = ${text(job.function)}`,
      "# Minute, hour, day, month, weekday.",
      `schedule = ${text(job.schedule)}`,
      `tools = ${list(job.tools)}`,
      job.for !== undefined && "# Whose commitments they are. What they say goes to all of `deliver`.",
      job.for !== undefined && `for = ${text(job.for)}`,
      `deliver = ${list(places.length > 0 ? places : [example])}`,
    );
    const comment = `# ${job.comment}`;
    return places.length > 0
      ? `${comment}\n${section}`
      : `${comment}\n# Off until \`deliver\` names a place of yours: then take the "#" from these lines.\n${off(section)}`;
  });
}
