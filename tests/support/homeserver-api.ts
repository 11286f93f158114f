/** The client-server calls the gateway makes, answered as Synapse does. */
import { type Context, Hono } from "hono";
import { mountCreateRoom } from "./homeserver-create-room.ts";
import { type Env, refuse } from "./homeserver-env.ts";
import { mountKeysApi } from "./homeserver-keys-api.ts";
import { type HomeserverState, type StandInEvent, stateKey } from "./homeserver-state.ts";
import type { ToDeviceEvent } from "./homeserver-stream.ts";

/** What the API is made of. */
export interface HomeserverApiOptions {
  readonly state: HomeserverState;
  readonly asToken: () => string;
  /** Pushes an event of the gateway's own making back to it; nobody waits for that. */
  readonly echo: (event: StandInEvent) => void;
  /** Answers the gateway's wish to be pinged. */
  readonly ping: (transaction: string) => Promise<{ status: 200 | 502; body: object }>;
  /** Told of every to-device message. */
  readonly toDevice: (user: string, device: string, event: ToDeviceEvent) => void;
}

/** The API as a Hono app. */
export function createHomeserverApi({ state, asToken, echo, ping, toDevice }: HomeserverApiOptions): Hono<Env> {
  const app = new Hono<Env>();
  const transactions = new Map<string, string>();
  const base = "/_matrix/client/v3";

  app.use("/_matrix/*", async (c, next) => {
    const path = decodeURIComponent(c.req.path);
    const token = c.req.header("authorization")?.replace("Bearer ", "");
    const person = state.tokens.get(token ?? "");
    if (person) {
      c.set("user", person.user);
      c.set("device", person.device);
      return next();
    }
    const user = c.req.query("user_id") ?? state.sender;
    const device = c.req.query("device_id");
    state.calls.push({ method: c.req.method, path, user, device, token });
    const answer = state.takeFault(c.req.method, path)?.answer;
    if (answer === "cut") return cut(c.env);
    if (typeof answer === "object") return new Response(JSON.stringify(answer.body), { status: answer.status });
    if (path !== "/_matrix/client/versions") {
      if (token !== asToken()) return refuse(c, 401, "M_UNKNOWN_TOKEN");
      if (!state.users.has(user) && !path.endsWith("/register")) return refuse(c, 403, "M_FORBIDDEN");
      if (device !== undefined && !state.devicesOf(user).includes(device)) return refuse(c, 400, "M_UNKNOWN_DEVICE");
    }
    c.set("user", user);
    c.set("device", device);
    await next();
    if (answer === "drop") c.res = cut(c.env);
  });

  app.get("/_matrix/client/versions", (c) => c.json({ versions: ["v1.11"] }));
  app.get(`${base}/account/whoami`, (c) => c.json({ user_id: c.get("user") }));
  app.post(`${base}/register`, async (c) => {
    const { username } = await c.req.json<{ username: string }>();
    const user = `@${username}:${state.serverName}`;
    if (!state.isAgent(user)) return refuse(c, 400, "M_EXCLUSIVE");
    if (state.users.has(user)) return refuse(c, 400, "M_USER_IN_USE");
    state.users.add(user);
    return c.json({ user_id: user });
  });
  mountKeysApi(app, state, toDevice);
  mountCreateRoom(app, state, echo);
  app.get(`${base}/profile/:user`, (c) => c.json(state.profiles.get(c.req.param("user")) ?? {}));
  app.get(`${base}/profile/:user/displayname`, (c) => c.json(state.profiles.get(c.req.param("user")) ?? {}));
  app.put(`${base}/profile/:user/:field`, async (c) => {
    const given = await c.req.json<Record<string, unknown>>();
    state.profiles.set(c.req.param("user"), { ...state.profiles.get(c.req.param("user")), ...given });
    return c.json({});
  });
  app.get("/_matrix/client/v1/media/download/:server/:media", (c) => {
    const file = state.media.get(`${c.req.param("server")}/${c.req.param("media")}`);
    if (!file) return refuse(c, 404, "M_NOT_FOUND");
    return new Response(new Uint8Array(file.bytes), { headers: { "content-type": file.type } });
  });
  for (const upload of ["/_matrix/media/v3/upload", "/_matrix/media/r0/upload"])
    app.post(upload, async (c) => {
      const type = c.req.header("content-type") ?? "application/octet-stream";
      return c.json({
        content_uri: state.addMedia(new Uint8Array(await c.req.arrayBuffer()), type, c.req.query("filename")),
      });
    });
  app.post("/_matrix/client/v1/appservice/:id/ping", async (c) => {
    const { transaction_id } = await c.req.json<{ transaction_id: string }>();
    const { status, body } = await ping(transaction_id);
    return c.json(body, status);
  });

  app.get(`${base}/joined_rooms`, (c) => {
    const joined = [...state.rooms.keys()].filter((room) => state.membership(room, c.get("user")) === "join");
    return c.json({ joined_rooms: joined });
  });
  app.post(`${base}/rooms/:room/join`, (c) => {
    const room = c.req.param("room");
    const membership = state.membership(room, c.get("user"));
    if (membership !== "invite" && membership !== "join") return refuse(c, 403, "M_FORBIDDEN");
    if (membership === "invite") echo(state.setMembership(room, c.get("user"), c.get("user"), "join"));
    return c.json({ room_id: room });
  });
  app.post(`${base}/rooms/:room/leave`, (c) => {
    const room = c.req.param("room");
    const membership = state.membership(room, c.get("user"));
    if (membership === undefined) return refuse(c, 403, "M_FORBIDDEN");
    if (membership !== "leave") echo(state.setMembership(room, c.get("user"), c.get("user"), "leave"));
    return c.json({});
  });

  // From here on the user must be in the room.
  app.use(`${base}/rooms/:room/*`, async (c, next) => {
    if (state.membership(c.req.param("room"), c.get("user")) !== "join") return refuse(c, 403, "M_FORBIDDEN");
    return next();
  });
  app.get(`${base}/rooms/:room/joined_members`, (c) => {
    return c.json({ joined: Object.fromEntries(state.joined(c.req.param("room")).map((user) => [user, {}])) });
  });
  app.get(`${base}/rooms/:room/state`, (c) => c.json(state.stateEvents(c.req.param("room"))));
  for (const suffix of ["/", "/:key"])
    app.get(`${base}/rooms/:room/state/:type${suffix}`, (c) => {
      const { room, type, key = "" } = c.req.param() as { room: string; type: string; key?: string };
      const content = state.rooms.get(room)?.state.get(stateKey(type, key));
      return content ? c.json(content) : refuse(c, 404, "M_NOT_FOUND");
    });
  app.put(`${base}/rooms/:room/typing/:user`, (c) => c.json({}));
  app.post(`${base}/rooms/:room/receipt/:type/:event`, (c) => c.json({}));

  /** Synapse's scope of a transaction id: user, device and path. */
  const once = (c: Context<Env>, scope: string, make: () => StandInEvent): Response => {
    const key = [c.get("user"), c.get("device"), scope].join(" ");
    let eventId = transactions.get(key);
    if (eventId === undefined) {
      const event = make();
      transactions.set(key, (eventId = event.event_id));
      echo(event);
    }
    return c.json({ event_id: eventId });
  };
  app.put(`${base}/rooms/:room/send/:type/:txn`, async (c) => {
    const { room, type, txn } = c.req.param();
    const content = await c.req.json<Record<string, unknown>>();
    if (Buffer.byteLength(JSON.stringify(content)) > 65_000) return refuse(c, 413, "M_TOO_LARGE");
    const sender = c.get("user");
    return once(c, `send ${room} ${txn}`, () => state.record({ room_id: room, sender, type, content, txnId: txn }));
  });
  app.put(`${base}/rooms/:room/redact/:event/:txn`, (c) => {
    const { room, event, txn } = c.req.param();
    const basis = { room_id: room, sender: c.get("user"), type: "m.room.redaction", content: {} };
    return once(c, `redact ${room} ${event} ${txn}`, () => state.record({ ...basis, redacts: event, txnId: txn }));
  });
  app.notFound((c) => c.json({ errcode: "M_UNRECOGNIZED", error: c.req.path }, 404));
  return app;
}

/** Ends the connection without an answer. */
function cut(env: unknown): Response {
  const { incoming } = env as { incoming?: { socket: { destroy(): void } } };
  incoming?.socket.destroy();
  return new Response(null, { status: 500 });
}
