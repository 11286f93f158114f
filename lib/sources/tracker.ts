/** A task tracker as the tools see it; plane.ts is one. */

/** How far a task is, whatever its state is called. */
export const groups = ["triage", "backlog", "unstarted", "started", "completed", "cancelled"] as const;
export type TaskGroup = (typeof groups)[number];

/** The most urgent first. */
export const priorities = ["urgent", "high", "medium", "low", "none"] as const;
export type Priority = (typeof priorities)[number];

export interface Task {
  /** As people write it: HOME-12. */
  readonly id: string;
  readonly title: string;
  /** By its identifier: HOME. */
  readonly project: string;
  /** By its name in the project. */
  readonly state: string;
  readonly group: TaskGroup;
  readonly priority: Priority;
  /** YYYY-MM-DD. */
  readonly due?: string;
  /** Points in time: ISO, in UTC. */
  readonly created: string;
  readonly updated: string;
  /** Left out where it is not done, or the tracker does not say. */
  readonly completed?: string;
  /** Where people see it. */
  readonly url: string;
  readonly labels: readonly string[];
}

export interface TaskComment {
  readonly author: string;
  /** ISO, in UTC. */
  readonly at: string;
  readonly html: string;
}

/** A task with what is said of it. */
export interface TaskDetails extends Task {
  /** Whether it is assigned to the person whose token is used. */
  readonly mine: boolean;
  /** By their names there. */
  readonly assignees: readonly string[];
  readonly description: string;
  /** The last ones, the oldest first. */
  readonly comments: readonly TaskComment[];
  readonly moreComments: boolean;
}

export interface TaskList {
  readonly tasks: readonly Task[];
  /** Whether the tracker has more than were looked at. */
  readonly more: boolean;
  /** How many could not be read. */
  readonly damaged: number;
}

/** How long a caller can wait. */
export interface Asking {
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** A tracker that wants requests to wait is waited for until then. */
  readonly until: Date;
}

/** All of it throws ClawError that names the service, the setting and what to do. */
export interface Tracker {
  /** What people call it. */
  readonly title: string;
  /** Projects that are read, by their identifiers. */
  projects(asking: Asking): Promise<readonly string[]>;
  /** Tasks of every state that are assigned to the person whose token is used. */
  mine(asking: Asking): Promise<TaskList>;
  /** Any task the token may see. */
  get(id: string, asking: Asking): Promise<TaskDetails>;
  /** Writes plain text; a second one of the same key is dropped. Returns where the task is seen. */
  comment(id: string, comment: { readonly text: string; readonly key: string }, asking: Asking): Promise<string>;
  /** Moves it to the state of this name; returns both by their names there. */
  setState(id: string, state: string, asking: Asking): Promise<{ readonly from: string; readonly to: string }>;
}
