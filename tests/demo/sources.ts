/** Stand-in services for the demo's jobs: as much of Alertmanager, an ICS file, Miniflux and Plane as the tools ask for. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

/** What the stand-ins want to be shown. */
export const sourceKeys = { MINIFLUX_TOKEN: "miniflux-stand-in", PLANE_TOKEN: "plane-stand-in" } as const;

export interface Sources {
  /** Of a service's stand-in, to which its API's paths are added. */
  url(service: "alertmanager" | "calendar" | "miniflux" | "plane"): string;
  /** The feeds' entries that are unread, by their ids. */
  readonly unread: ReadonlySet<number>;
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/** Starts them on one port; what they tell is of the hours and days around now. */
export async function startSources(): Promise<Sources> {
  const unread = new Set(entries.map(({ id }) => id));
  const began = Date.now();
  const app = new Hono()
    .get("/alertmanager/api/v2/alerts", (context) => context.json(alerts(began)))
    .get("/calendar/home.ics", (context) =>
      context.body(calendar(new Date()), 200, { "content-type": "text/calendar" }),
    )
    .route("/miniflux", miniflux(unread))
    .route("/plane", plane());
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }) as Server;
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: (service) => `http://127.0.0.1:${port}/${service}${service === "calendar" ? "/home.ics" : ""}`,
    unread,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const ago = (now: number, hours: number): string => new Date(now - hours * hourMs).toISOString();

const alerts = (now: number): object[] => [
  {
    fingerprint: "demo-disk",
    startsAt: ago(now, 3),
    endsAt: ago(now, -24),
    updatedAt: ago(now, 0),
    labels: { alertname: "DiskAlmostFull", severity: "warning", instance: "nas:9100" },
    annotations: { summary: "/srv is 91 % full" },
    receivers: [{ name: "default" }],
    status: { state: "active", silencedBy: [], inhibitedBy: [] },
  },
];

/** Two appointments of every day, by floating time: of whatever zone the demo is in. The slot of a job may be some days old. */
function calendar(now: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const began = new Date(now.getTime() - 10 * 24 * hourMs);
  const day = `${began.getFullYear()}${two(began.getMonth() + 1)}${two(began.getDate())}`;
  const event = (uid: string, summary: string, from: string, to: string): string[] => [
    ...["BEGIN:VEVENT", `UID:${uid}@demo`, `DTSTAMP:${day}T000000Z`, `SUMMARY:${summary}`],
    ...[`DTSTART:${day}T${from}00`, `DTEND:${day}T${to}00`, "RRULE:FREQ=DAILY", "END:VEVENT"],
  ];
  return [
    ...["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//openclaw//demo//EN"],
    ...event("dentist", "Dentist", "0930", "1015"),
    ...event("plumber", "Plumber looks at the boiler", "1600", "1700"),
    ...["END:VCALENDAR", ""],
  ].join("\r\n");
}

const entries = [
  [
    501,
    "A quieter fan curve for small servers",
    "Homelab Weekly",
    "Hardware",
    "How one owner halved the noise of a rack.",
  ],
  [502, "Postgres 19 beta is out", "Database News", "Software", "Faster vacuum, and skip scans for more indexes."],
  [503, "Solar on balconies: what the new rules allow", "Energy at Home", "House", "800 watts without an electrician."],
].map(([id, title, feed, category, content]) => ({ id: Number(id), title, feed, category, content }));

function miniflux(unread: Set<number>): Hono {
  const app = new Hono();
  app.use(async (context, next) =>
    context.req.header("x-auth-token") === sourceKeys.MINIFLUX_TOKEN
      ? next()
      : context.json({ error_message: "access unauthorized" }, 401),
  );
  app.get("/v1/entries", (context) => {
    const wanted = new Set(context.req.queries("status") ?? ["unread", "read"]);
    const found = entries.filter(({ id }) => wanted.has(unread.has(id) ? "unread" : "read"));
    const list = found.map(({ id, title, feed, category, content }) => ({
      ...{ id, title, content: `<p>${content}</p>`, url: `https://news.example/${id}` },
      ...{ status: unread.has(id) ? "unread" : "read", published_at: ago(Date.now(), 5) },
      feed: { id: 1, title: feed, category: { id: 1, title: category } },
    }));
    return context.json({ total: list.length, entries: list });
  });
  app.put("/v1/entries", async (context) => {
    const { entry_ids, status } = await context.req.json<{ entry_ids: number[]; status: string }>();
    for (const id of entry_ids) if (status === "read") unread.delete(id);
    return context.body(null, 204);
  });
  return app;
}

function plane(): Hono {
  const app = new Hono();
  app.use(async (context, next) =>
    context.req.header("x-api-key") === sourceKeys.PLANE_TOKEN
      ? next()
      : context.json({ detail: "Given API token is not valid" }, 401),
  );
  const me = { id: "7f0d3c52-0000-4000-8000-000000000001", display_name: "owner" };
  const project = { id: "7f0d3c52-0000-4000-8000-000000000002", identifier: "HOME", name: "House" };
  const states = ["unstarted", "started", "completed"].map((group, at) => ({
    id: `7f0d3c52-0000-4000-8000-00000000001${at}`,
    name: ["Todo", "In Progress", "Done"][at],
    color: "#888888",
    group,
  }));
  const page = (results: readonly object[]): object => ({
    ...{ total_count: results.length, count: results.length, total_pages: 1, results },
    ...{ next_cursor: "100:1:0", prev_cursor: "100:-1:1", next_page_results: false, prev_page_results: false },
  });
  const day = (offset: number): string => new Date(Date.now() + offset * 24 * hourMs).toISOString().slice(0, 10);
  const items = (): object[] =>
    [
      { name: "Renew the chimney sweep's contract", state: states[0], target_date: day(-10), idleDays: 20 },
      { name: "Replace the disk of the NAS", state: states[1], target_date: day(2), idleDays: 1 },
      { name: "Paint the shed", state: states[0], target_date: null, idleDays: 30 },
      { name: "Label the fuses", state: states[2], target_date: null, idleDays: 0 },
    ].map(({ idleDays, ...item }, at) => ({
      ...item,
      ...{ id: `7f0d3c52-0000-4000-8000-00000000010${at}`, sequence_id: at + 1, priority: "medium" },
      ...{ assignees: [me], labels: [], start_date: null, project: project.id },
      ...{ created_at: ago(Date.now(), 60 * 24), updated_at: ago(Date.now(), idleDays * 24) },
      completed_at: item.state?.group === "completed" ? ago(Date.now(), 0) : null,
    }));
  const workspace = "/api/v1/workspaces/home/projects";
  app.get("/api/v1/users/me/", (context) => context.json(me));
  app.get(`${workspace}/`, (context) => context.json(page([project])));
  app.get(`${workspace}/${project.id}/states/`, (context) => context.json(page(states)));
  app.get(`${workspace}/${project.id}/work-items/`, (context) => context.json(page(items())));
  return app;
}
