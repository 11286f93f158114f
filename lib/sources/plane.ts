/** Plane as a tracker. Its lists know no filter by assignee, state or date: whole projects are read, and filtered here. */
import type { TasksService } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import { TransportError } from "../http/exchange.ts";
import { PlaneClient } from "./plane-client.ts";
import {
  commentHtml,
  commentSchema,
  type Item,
  itemSchema,
  nameOf,
  pageSchema,
  type Project,
  projectSchema,
  type State,
  stateSchema,
  taskOf,
  userSchema,
} from "./plane-wire.ts";
import type { Asking, Task, TaskDetails, TaskList, Tracker } from "./tracker.ts";
import { safeParse } from "../safe-parse.ts";

/** Pages of 100 in one answer, all projects together: the API takes 60 requests a minute. */
const maxPages = 30;
const maxComments = 10;
/** How long the key's owner, the projects and their states are believed. */
const memoryMs = 60_000;

const listFields =
  "id,name,sequence_id,priority,state,assignees,labels,target_date,completed_at,created_at,updated_at,project";
const expand = "state,assignees,labels";

/** Who asks, and where. */
interface Setting {
  readonly me: string;
  readonly projects: readonly Project[];
  readonly states: Map<string, readonly State[]>;
  readonly at: number;
}

/** The adapter; it asks nothing before it is used. */
export const createPlane = (service: TasksService): Tracker => new Plane(service);

class Plane implements Tracker {
  readonly title = "Plane";
  readonly #service: TasksService;
  readonly #client: PlaneClient;
  readonly #base: string;
  #setting: Setting | undefined;

  constructor(service: TasksService) {
    this.#service = service;
    this.#client = new PlaneClient(service);
    this.#base = `/workspaces/${encodeURIComponent(service.workspace)}`;
  }

  async projects(asking: Asking): Promise<readonly string[]> {
    return (await this.#known(asking)).projects.map(({ identifier }) => identifier);
  }

  async mine(asking: Asking): Promise<TaskList> {
    const { me, projects } = await this.#known(asking);
    const tasks: Task[] = [];
    let damaged = 0;
    let left = maxPages;
    for (const project of projects) {
      if (left === 0) return { tasks, damaged, more: true };
      const found = await this.#items(project, left, asking);
      left -= found.asked;
      damaged += found.damaged;
      for (const item of found.items)
        if (isAssigned(item, me)) tasks.push(await this.#task(item, project.identifier, project.id, asking));
      if (found.more) return { tasks, damaged, more: true };
    }
    return { tasks, damaged, more: false };
  }

  async get(id: string, asking: Asking): Promise<TaskDetails> {
    const { item, project, projectId } = await this.#item(id, asking);
    const { me } = await this.#known(asking);
    const task = await this.#task(item, project, projectId, asking);
    const query = `?expand=actor&per_page=${maxComments}`;
    const rest = `${encodeURIComponent(item.id)}/comments/${query}`;
    const answer = await this.#client.askItems(this.#project(projectId), rest, { area: "project" }, asking);
    const page = answer && this.#client.read(pageSchema, answer);
    const comments = page?.results.slice(0, maxComments).flatMap((each) => safeParse(commentSchema, each).data ?? []);
    return {
      ...task,
      mine: isAssigned(item, me),
      assignees: item.assignees.map(nameOf),
      description: item.description_html ?? "",
      comments: comments?.sort((a, b) => a.at.localeCompare(b.at)) ?? [],
      moreComments: page?.next_page_results ?? false,
    };
  }

  async comment(id: string, { text, key }: { text: string; key: string }, asking: Asking): Promise<string> {
    const { item, project, projectId } = await this.#item(id, asking);
    const rest = `${encodeURIComponent(item.id)}/comments/`;
    // Plane refuses a second comment with the same two ids: 409.
    const body = { comment_html: commentHtml(text), external_source: "openclaw", external_id: key };
    const post = async (): Promise<void> => {
      const request = { area: "project", method: "POST", body, accept: [409] } as const;
      const answer = await this.#client.askItems(this.#project(projectId), rest, request, asking);
      if (!answer) throw noTask(id);
    };
    await onceMore(post, id);
    return this.#url(item, project, projectId);
  }

  async setState(id: string, state: string, asking: Asking): Promise<{ from: string; to: string }> {
    const { item, project, projectId } = await this.#item(id, asking);
    const states = await this.#states(projectId, asking);
    const from = (await this.#task(item, project, projectId, asking)).state;
    const wanted =
      states.find(({ name }) => name === state) ??
      states.find(({ name }) => name.toLowerCase() === state.toLowerCase());
    if (!wanted) {
      const names = states.map(({ name }) => `"${name}"`).join(", ");
      throw new ClawError("bad_request", `Project ${project} has no state "${state}"; there are ${names || "none"}`);
    }
    if (wanted.name === from) return { from, to: wanted.name };
    const request = { area: "project", method: "PATCH", body: { state: wanted.id } } as const;
    const rest = `${encodeURIComponent(item.id)}/`;
    const answer = await this.#client.askItems(this.#project(projectId), rest, request, asking);
    if (!answer) throw noTask(id);
    return { from, to: wanted.name };
  }

  #project(id: string): string {
    return `${this.#base}/projects/${encodeURIComponent(id)}`;
  }

  /** The key's owner and their projects. Asked in this order: a refusal of the first is about the key, of the second about the workspace. */
  async #known(asking: Asking): Promise<Setting> {
    const at = asking.now().getTime();
    if (this.#setting && Math.abs(at - this.#setting.at) < memoryMs) return this.#setting;
    const client = this.#client;
    const { id: me } = client.read(userSchema, await client.ask("/users/me/", { area: "key" }, asking));
    const page = (query: string) => client.ask(`${this.#base}/projects/${query}`, { area: "workspace" }, asking);
    const { results } = await client.pages(page, { order_by: "-created_at" }, maxPages);
    const all = results.flatMap((each) => safeParse(projectSchema, each).data ?? []);
    const readable = all.filter(({ is_member, archived_at }) => is_member !== false && !archived_at);
    this.#setting = { me, projects: this.#chosen(readable), states: new Map(), at };
    return this.#setting;
  }

  /** Those that the config names, in its order; all where it names none. */
  #chosen(projects: readonly Project[]): readonly Project[] {
    if (this.#service.projects.length === 0) return projects;
    return this.#service.projects.map((wanted) => {
      const found = projects.find(({ identifier }) => identifier.toUpperCase() === wanted.toUpperCase());
      if (found) return found;
      const there = projects.map(({ identifier }) => identifier).join(", ");
      throw new ClawError(
        "not_found",
        `tools.tasks.projects names "${wanted}", which is no project that the key's owner is a member of; those are ${there || "none"}`,
      );
    });
  }

  async #items(project: Project, most: number, asking: Asking) {
    const page = async (query: string) => {
      const answer = await this.#client.askItems(this.#project(project.id), query, { area: "project" }, asking);
      if (answer) return answer;
      throw new ClawError("not_found", "Plane has neither work-items/ nor issues/: is tools.tasks.url its address?");
    };
    // Pages are cut by offset: only an order without ties, such as this, shows each item once.
    const query = { expand, fields: listFields, order_by: "-created_at" };
    const { results, more, asked } = await this.#client.pages(page, query, most);
    const items = results.flatMap((each) => safeParse(itemSchema, each).data ?? []);
    const unique = [...new Map(items.map((item) => [item.id, item])).values()];
    return { items: unique, damaged: results.length - items.length, more, asked };
  }

  /** An item by the id that people write. */
  async #item(id: string, asking: Asking): Promise<{ item: Item; project: string; projectId: string }> {
    const project = id.slice(0, id.lastIndexOf("-"));
    const { projects } = this.#service;
    if (projects.length > 0 && !projects.some((each) => each.toUpperCase() === project.toUpperCase()))
      throw new ClawError(
        "not_found",
        `${id} is in none of the projects in tools.tasks.projects: ${projects.join(", ")}`,
      );
    await this.#known(asking);
    const rest = `${encodeURIComponent(id)}/?expand=${expand}`;
    const answer = await this.#client.askItems(this.#base, rest, { area: "project" }, asking);
    if (!answer) throw noTask(id);
    const item = this.#client.read(itemSchema, answer);
    if (item.project === undefined) throw new ClawError("fetch_failed", `Plane does not say in which project ${id} is`);
    return { item, project, projectId: item.project };
  }

  async #task(item: Item, project: string, projectId: string, asking: Asking): Promise<Task> {
    const { state } = item;
    const whole =
      typeof state === "string" ? (await this.#states(projectId, asking)).find(({ id }) => id === state) : state;
    return taskOf(item, project, whole ?? undefined, this.#url(item, project, projectId));
  }

  async #states(projectId: string, asking: Asking): Promise<readonly State[]> {
    const { states } = await this.#known(asking);
    const known = states.get(projectId);
    if (known) return known;
    const page = (query: string) =>
      this.#client.ask(`${this.#project(projectId)}/states/${query}`, { area: "project" }, asking);
    const { results } = await this.#client.pages(page, {}, 5);
    const found = results.flatMap((each) => safeParse(stateSchema, each).data ?? []);
    states.set(projectId, found);
    return found;
  }

  /** Servers that have only the old spelling may have only the old pages. */
  #url({ id, sequence_id }: Item, project: string, projectId: string): string {
    const path = this.#client.oldSpelling
      ? `projects/${projectId}/issues/${id}`
      : `browse/${encodeURIComponent(project)}-${sequence_id}/`;
    return `${this.#service.url}/${this.#service.workspace}/${path}`;
  }
}

const isAssigned = ({ assignees }: Item, me: string): boolean => assignees.some(({ id }) => id === me);

const noTask = (id: string): ClawError => new ClawError("not_found", `Plane has no ${id}; tasks_mine finds ids`);

/**
 * Posts, and once more where nobody knows whether it was done: Plane answers 500 to a comment it has kept, where its
 * message broker is down. Throws ClawError `outcome_unknown` where that does not tell either.
 */
async function onceMore(post: () => Promise<void>, id: string): Promise<void> {
  try {
    await post();
  } catch (first) {
    if (!isUnsure(first)) throw first;
    await post().catch((cause: unknown) => {
      if (cause instanceof ClawError && cause.code === "cancelled") throw cause;
      throw new ClawError(
        "outcome_unknown",
        `Plane did not say whether the comment on ${id} was kept. Do not repeat it; ask the person to look.`,
        { cause },
      );
    });
  }
}

const isUnsure = (thrown: unknown): boolean =>
  thrown instanceof ClawError &&
  thrown.code === "fetch_failed" &&
  !(thrown.cause instanceof TransportError && !thrown.cause.sent);
