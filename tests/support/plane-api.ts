/** A stand-in for Plane (Community Edition, API v1), as strict as the real one where we could be wrong. */
import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";

export interface PlaneRequestSeen {
  readonly method: string;
  /** With its query. */
  readonly path: string;
}

export interface PlaneState {
  readonly id: string;
  readonly name: string;
  readonly group: string;
}

/** What a test says of an item; the rest is made up. */
export interface PlaneItem {
  readonly name: string;
  readonly state?: string;
  readonly priority?: string;
  readonly target_date?: string | null;
  readonly completed_at?: string | null;
  readonly description_html?: string;
  readonly labels?: readonly string[];
  /** By their display names; left out: the key's owner. */
  readonly assignees?: readonly string[];
  readonly created_at?: string;
  readonly updated_at?: string;
  /** Put in as they are, whatever they are. */
  readonly raw?: Readonly<Record<string, unknown>>;
}

export interface PlaneComment {
  readonly id: string;
  readonly item: string;
  readonly comment_html: string;
  readonly external_id: string | null;
  readonly author: string;
  readonly created_at: string;
}

export interface PlaneApi {
  /** For `tools.tasks.url`. */
  readonly url: string;
  /** A key it takes. */
  readonly key: string;
  readonly workspace: string;
  readonly requests: readonly PlaneRequestSeen[];
  readonly comments: readonly PlaneComment[];
  /** Puts an item into a project (HOME, unless another is named) and returns its id, such as HOME-1. */
  add(item: PlaneItem, project?: string): string;
  /** Puts other values into an item. */
  change(id: string, raw: Readonly<Record<string, unknown>>): void;
  /** What somebody says of an item. */
  say(id: string, author: string, html: string): void;
  stateOf(id: string): string;
  /** The next `times` requests, of this method where one is named, are answered by 429, with these headers. */
  limit(times: number, headers: Record<string, string>): void;
  /** The next `times` requests of a method end so; `after`: it is done all the same. */
  fail(method: string, times: number, status: number, after?: boolean): void;
  forget(): void;
  stop(): Promise<void>;
}

export interface PlaneApiOptions {
  /** Knows the old path names alone, as before 1.1. */
  readonly onlyIssues?: boolean;
  /** Answers to a key it does not know. Django REST framework makes it 403 where a view names no way to authenticate. */
  readonly wrongKey?: 401 | 403;
  /** The most of one page, whatever is asked for. */
  readonly pageSize?: number;
  /** Does not do what `expand` asks for. */
  readonly plain?: boolean;
}

const owner = { id: randomUUID(), display_name: "ada", first_name: "Ada", email: "ada@home.example" };
const stateNames: readonly [string, string][] = [
  ["Backlog", "backlog"],
  ["Todo", "unstarted"],
  ["In Progress", "started"],
  ["Done", "completed"],
  ["Cancelled", "cancelled"],
];

interface Project {
  readonly id: string;
  readonly identifier: string;
  readonly is_member: boolean;
  readonly archived_at: string | null;
  readonly states: readonly PlaneState[];
  readonly items: Record<string, unknown>[];
}

/** Starts it on a free port of 127.0.0.1, with the projects HOME and LAB, one that is public but not the owner's, and an archived one. */
export async function startPlaneApi(options: PlaneApiOptions = {}): Promise<PlaneApi> {
  const { onlyIssues = false, wrongKey = 401, pageSize = 100, plain = false } = options;
  const key = `plane_api_${randomUUID()}`;
  const workspace = "home";
  const requests: PlaneRequestSeen[] = [];
  const comments: PlaneComment[] = [];
  const people = new Map([[owner.display_name, owner]]);
  const labels = new Map<string, { id: string; name: string }>();
  let limited = { times: 0, headers: {} as Record<string, string> };
  let failure = { method: "", times: 0, status: 500, after: false };

  const project = (identifier: string, more: Partial<Project> = {}): Project => ({
    id: randomUUID(),
    identifier,
    is_member: true,
    archived_at: null,
    states: stateNames.map(([name, group]) => ({ id: randomUUID(), name, group })),
    items: [],
    ...more,
  });
  const projects = [
    project("HOME"),
    project("LAB"),
    project("PUBLIC", { is_member: false }),
    project("OLD", { archived_at: "2026-01-01" }),
  ];

  const found = <Thing>(made: Map<string, Thing>, name: string, make: () => Thing): Thing => {
    const there = made.get(name) ?? make();
    made.set(name, there);
    return there;
  };
  const personNamed = (name: string) =>
    found(people, name, () => ({
      id: randomUUID(),
      display_name: name,
      first_name: name,
      email: `${name}@home.example`,
    }));
  const byId = (id: string): { project: Project; item: Record<string, unknown> } | undefined => {
    const [identifier, number] = [id.slice(0, id.lastIndexOf("-")), Number(id.slice(id.lastIndexOf("-") + 1))];
    const project = projects.find((each) => each.identifier === identifier);
    const item = project?.items.find(({ sequence_id }) => sequence_id === number);
    return project && item && { project, item };
  };

  /** An item as the serializer gives it: ids, or whole things where `expand` names them; of `fields` alone. */
  const shown = (item: Record<string, unknown>, { states }: Project, context: Context): Record<string, unknown> => {
    const expand = plain ? [] : (context.req.query("expand") ?? "").split(",");
    const fields = context.req.query("fields")?.split(",");
    const all = {
      ...item,
      ...(expand.includes("state") && { state: states.find(({ id }) => id === item["state"]) ?? null }),
      ...(expand.includes("assignees") && {
        assignees: [...people.values()].filter(({ id }) => (item["assignees"] as string[] | undefined)?.includes(id)),
      }),
      ...(expand.includes("labels") && {
        labels: [...labels.values()].filter(({ id }) => (item["labels"] as string[] | undefined)?.includes(id)),
      }),
    };
    return fields ? Object.fromEntries(Object.entries(all).filter(([name]) => fields.includes(name))) : all;
  };

  /** One page, by offset as in plane/utils/paginator.py. */
  const paginate = (context: Context, all: readonly unknown[]): Response => {
    const asked = Number(context.req.query("per_page") ?? 1000);
    if (asked > 1000) return context.json({ detail: "Invalid per_page value. Cannot exceed 1000." }, 400);
    const size = Math.min(asked, pageSize);
    const bits = (context.req.query("cursor") ?? `${size}:0:0`).split(":");
    if (bits.length !== 3) return context.json({ detail: "Invalid cursor parameter." }, 400);
    const page = Number(bits[1]);
    const results = all.slice(page * size, (page + 1) * size);
    return context.json({
      ...{ grouped_by: null, sub_grouped_by: null, total_count: all.length },
      next_cursor: `${size}:${page + 1}:0`,
      prev_cursor: `${size}:${page - 1}:1`,
      next_page_results: (page + 1) * size < all.length,
      prev_page_results: page > 0,
      count: results.length,
      total_pages: Math.ceil(all.length / size),
      total_results: all.length,
      extra_stats: null,
      results,
    });
  };

  const app = new Hono({ strict: true });
  app.use(async (context, next) => {
    const { method } = context.req;
    requests.push({ method, path: new URL(context.req.url).pathname + new URL(context.req.url).search });
    const given = context.req.header("x-api-key");
    if (given === undefined) return context.json({ detail: "Authentication credentials were not provided." }, 401);
    if (given !== key) return context.json({ detail: "Given API token is not valid" }, wrongKey);
    if (limited.times > 0) {
      limited.times -= 1;
      return context.json({ error_code: 5900, error_message: "RATE_LIMIT_EXCEEDED" }, 429, limited.headers);
    }
    const failing = failure.times > 0 && failure.method === method;
    if (failing) failure.times -= 1;
    if (!failing || failure.after) await next();
    if (failing)
      context.res = Response.json({ error: "Something went wrong please try again later" }, { status: failure.status });
    context.res.headers.set("x-ratelimit-remaining", "59");
    context.res.headers.set("x-ratelimit-reset", String(Math.floor(Date.now() / 1000) + 60));
  });

  const api = "/api/v1";
  const forbidden = (context: Context): Response =>
    context.json({ detail: "You do not have permission to perform this action." }, 403);
  const missing = (context: Context): Response =>
    context.json({ error: "The requested resource does not exist." }, 404);
  const inWorkspace = (handle: (context: Context) => Response | Promise<Response>) => (context: Context) =>
    context.req.param("slug") === workspace ? handle(context) : forbidden(context);
  const inProject = (handle: (context: Context, project: Project) => Response | Promise<Response>) =>
    inWorkspace((context) => {
      const project = projects.find(({ id }) => id === context.req.param("project"));
      return project?.is_member ? handle(context, project) : forbidden(context);
    });

  app.get(`${api}/users/me/`, (context) => context.json(owner));
  app.get(
    `${api}/workspaces/:slug/projects/`,
    inWorkspace((context) =>
      paginate(
        context,
        projects.map(({ states: _, items: __, ...rest }) => rest),
      ),
    ),
  );
  app.get(
    `${api}/workspaces/:slug/projects/:project/states/`,
    inProject((context, { states }) => paginate(context, states)),
  );

  for (const spelling of onlyIssues ? ["issues"] : ["issues", "work-items"]) {
    const items = `${api}/workspaces/:slug/projects/:project/${spelling}`;
    app.get(
      `${items}/`,
      inProject((context, project) => {
        const newest = [...project.items].sort((a, b) =>
          String(b["created_at"]).localeCompare(String(a["created_at"])),
        );
        return paginate(
          context,
          newest.map((item) => shown(item, project, context)),
        );
      }),
    );
    app.patch(
      `${items}/:item/`,
      inProject(async (context, project) => {
        const item = project.items.find(({ id }) => id === context.req.param("item"));
        if (!item) return missing(context);
        const { state } = await context.req.json<{ state?: string }>();
        if (!project.states.some(({ id }) => id === state))
          return context.json({ non_field_errors: ["State is not valid please pass a valid state_id"] }, 400);
        item["state"] = state;
        return context.json(shown(item, project, context));
      }),
    );
    app.get(
      `${items}/:item/comments/`,
      inProject((context) => {
        const said = comments.filter(({ item }) => item === context.req.param("item"));
        const actor = (name: string) =>
          context.req.query("expand") === "actor" ? personNamed(name) : personNamed(name).id;
        return paginate(
          context,
          said.toReversed().map(({ author, ...rest }) => ({ ...rest, actor: actor(author) })),
        );
      }),
    );
    app.post(
      `${items}/:item/comments/`,
      inProject(async (context, project) => {
        const item = project.items.find(({ id }) => id === context.req.param("item"));
        if (!item) return missing(context);
        const { comment_html, external_id = null } = await context.req.json<Partial<PlaneComment>>();
        if (typeof comment_html !== "string") return context.json({ comment_html: ["This field is required."] }, 400);
        const same = external_id !== null && comments.find((each) => each.external_id === external_id);
        if (same)
          return context.json(
            { error: "Work item comment with the same external id and external source already exists", id: same.id },
            409,
          );
        comments.push({ ...commentOf(String(item["id"]), owner.display_name, comment_html), external_id });
        return context.json(comments.at(-1), 201);
      }),
    );
    app.get(
      `${api}/workspaces/:slug/${spelling}/:id/`,
      inWorkspace((context) => {
        const id = context.req.param("id") ?? "";
        const project = projects.find(({ identifier }) => identifier === id.slice(0, id.lastIndexOf("-")));
        if (!project?.is_member) return forbidden(context);
        const there = byId(id);
        return there ? context.json(shown(there.item, there.project, context)) : missing(context);
      }),
    );
  }

  const commentOf = (item: string, author: string, comment_html: string): PlaneComment => ({
    ...{ id: randomUUID(), item, comment_html, author, external_id: null },
    created_at: new Date(Date.UTC(2026, 2, 1, 8, comments.length)).toISOString(),
  });

  const { promise, resolve } = Promise.withResolvers<string>();
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
    resolve(`http://127.0.0.1:${port}`),
  ) as Server;
  return {
    url: await promise,
    key,
    workspace,
    requests,
    comments,
    add(
      { raw = {}, state = "Todo", labels: named = [], assignees = [owner.display_name], ...given },
      identifier = "HOME",
    ) {
      const project = projects.find((each) => each.identifier === identifier);
      if (!project) throw new Error(`no project ${identifier}`);
      const sequence_id = project.items.length + 1;
      const created_at = new Date(Date.UTC(2026, 0, 1, 0, sequence_id)).toISOString().replace("Z", "000+00:00");
      project.items.push({
        id: randomUUID(),
        sequence_id,
        project: project.id,
        priority: "none",
        target_date: null,
        completed_at: null,
        description_html: "<p></p>",
        created_at,
        updated_at: created_at,
        parent: null,
        state: project.states.find(({ name }) => name === state)?.id ?? null,
        labels: named.map((name) => found(labels, name, () => ({ id: randomUUID(), name })).id),
        assignees: assignees.map((name) => personNamed(name).id),
        ...given,
        ...raw,
      });
      return `${identifier}-${sequence_id}`;
    },
    say(id, author, html) {
      comments.push(commentOf(String(byId(id)?.item["id"]), author, html));
    },
    change(id, raw) {
      Object.assign(byId(id)?.item ?? {}, raw);
    },
    stateOf(id) {
      const there = byId(id);
      return there?.project.states.find((state) => state.id === there.item["state"])?.name ?? "";
    },
    limit: (times, headers) => void (limited = { times, headers }),
    fail: (method, times, status, after = false) => void (failure = { method, times, status, after }),
    forget: () => void (requests.length = 0),
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
