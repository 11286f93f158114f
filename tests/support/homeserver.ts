/**
 * A stand-in homeserver: the client-server calls the gateway makes and the pushes it gets, as Synapse answers them, in
 * memory. Not a Matrix server: no federation, no power levels, no sync. tests/live has a real Synapse.
 */
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { serve, type ServerType } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { TransactionQueue } from "./transaction-queue.ts";

/** An event as it is pushed. */
export interface StandInEvent {
  readonly event_id: string;
  readonly room_id: string;
  readonly sender: string;
  readonly type: string;
  readonly origin_server_ts: number;
  readonly content: Record<string, unknown>;
  readonly state_key?: string;
  readonly redacts?: string;
  /** Of events the gateway sent. */
  readonly txnId?: string;
}

/** A call the gateway made. */
export interface StandInCall {
  readonly method: string;
  readonly path: string;
  readonly user: string;
  readonly device: string | undefined;
}

/** Answers matching calls in the server's stead. */
export interface StandInFault {
  readonly method?: string;
  readonly path: RegExp;
  /** How many calls; default: all until `clearFaults`. */
  readonly times?: number;
  /** `drop`: the call is done, its answer is lost. `cut`: the connection ends before anything is done. */
  readonly answer: { readonly status: number; readonly body: object } | "drop" | "cut";
}

export interface StandInHomeserver {
  readonly url: string;
  readonly serverName: string;
  readonly asToken: string;
  hsToken: string;
  readonly calls: readonly StandInCall[];
  /** Every event of every room, in order. */
  readonly events: readonly StandInEvent[];
  /** How often a push was not answered with 200. */
  readonly failedPushes: number;
  /** Begins to push to the gateway's public listener; what was said before goes now. Undefined: it is down. */
  connect(gateway: string | undefined): void;
  /** Makes a room with joined members; agents among them are registered and have their device. Returns its id. */
  createRoom(options: { id?: string; members: readonly string[]; encrypted?: boolean }): string;
  /** Makes a user of the application service with its device, as a started gateway does. */
  addAgent(user: string): void;
  /** Somebody says something; resolves with the event id once the gateway has acknowledged it. */
  say(room: string, sender: string, content: string | Record<string, unknown>): Promise<string>;
  /** Somebody invites a user; resolves once the gateway has acknowledged it. */
  invite(room: string, user: string, by: string, options?: { isDirect?: boolean }): Promise<string>;
  /** Changes the room's state and pushes it. */
  setState(room: string, sender: string, type: string, key: string, content: Record<string, unknown>): Promise<string>;
  redact(room: string, sender: string, event: string): Promise<string>;
  /** Pushes these events as they are, in one transaction where they fit. */
  push(events: readonly object[]): Promise<void>;
  addMedia(bytes: Uint8Array, type: string): string;
  members(room: string): string[];
  /** Messages that users of the application service sent to a room, edits and redactions left as they are. */
  sent(room: string): StandInEvent[];
  /** The first event, there already or to come, for which it holds. Throws after `timeoutMs` (10 s). */
  waitFor(predicate: (event: StandInEvent) => boolean, timeoutMs?: number): Promise<StandInEvent>;
  fail(fault: StandInFault): void;
  clearFaults(): void;
  close(): Promise<void>;
}

interface Room {
  readonly members: Map<string, string>;
  readonly state: Map<string, Record<string, unknown>>;
}

/** Starts one on a free loopback port. */
export async function startHomeserver(
  options: { serverName?: string; asToken?: string; hsToken?: string; namespace?: string; retryMs?: number } = {},
): Promise<StandInHomeserver> {
  const { serverName = "home.example", namespace = "agent_", retryMs = 20 } = options;
  const asToken = options.asToken ?? randomBytes(16).toString("hex");
  const sender = `@openclaw:${serverName}`;
  const users = new Set([sender]);
  const devices = new Set<string>();
  const rooms = new Map<string, Room>();
  const media = new Map<string, { bytes: Uint8Array; type: string }>();
  const transactions = new Map<string, string>();
  const calls: StandInCall[] = [];
  const events: StandInEvent[] = [];
  const listeners = new Set<(event: StandInEvent) => void>();
  const faults: { fault: StandInFault; left: number }[] = [];
  let gateway: string | undefined;
  let hsToken = options.hsToken ?? randomBytes(16).toString("hex");
  let count = 0;
  const queue = new TransactionQueue({ gateway: () => gateway, hsToken: () => hsToken, retryMs });

  const isAgent = (user: string): boolean => user.startsWith(`@${namespace}`) && user.endsWith(`:${serverName}`);
  const nextId = (): string => `$${(count += 1)}${randomBytes(8).toString("base64url")}`;
  const record = (event: Omit<StandInEvent, "event_id" | "origin_server_ts">): StandInEvent => {
    const full = { event_id: nextId(), origin_server_ts: Date.now(), ...event };
    events.push(full);
    for (const listener of listeners) listener(full);
    return full;
  };
  const pushed = async (event: StandInEvent): Promise<string> => {
    await queue.push([event]);
    return event.event_id;
  };
  /** An event of the gateway's own making; it is pushed to it as well, and nobody waits for that. */
  const echo = (event: StandInEvent): StandInEvent => {
    void queue.push([event]);
    return event;
  };
  const setMember = (room: string, user: string, by: string, membership: string, more = {}): StandInEvent => {
    const known = rooms.get(room);
    known?.members.set(user, membership);
    const content = { membership, ...more };
    return record({ room_id: room, sender: by, type: "m.room.member", state_key: user, content });
  };

  const app = new Hono<{ Variables: { user: string } }>();
  const refuse = (c: Pick<Context, "json">, status: 400 | 401 | 403 | 404, errcode: string): Response =>
    c.json({ errcode, error: errcode }, status);

  app.use("/_matrix/*", async (c, next) => {
    const path = decodeURIComponent(c.req.path);
    const user = c.req.query("user_id") ?? sender;
    const device = c.req.query("device_id");
    calls.push({ method: c.req.method, path, user, device });
    const at = faults.findIndex(
      ({ fault }) => (fault.method ?? c.req.method) === c.req.method && fault.path.test(path),
    );
    const found = faults[at];
    if (found && (found.left -= 1) <= 0) faults.splice(at, 1);
    if (found?.fault.answer === "cut") return cut(c.env);
    if (found && typeof found.fault.answer === "object")
      return new Response(JSON.stringify(found.fault.answer.body), { status: found.fault.answer.status });
    if (path === "/_matrix/client/versions") return next();
    if (c.req.header("authorization") !== `Bearer ${asToken}`) return refuse(c, 401, "M_UNKNOWN_TOKEN");
    if (!users.has(user)) return refuse(c, 403, "M_FORBIDDEN");
    if (device !== undefined && !devices.has(`${user} ${device}`)) return refuse(c, 400, "M_UNKNOWN_DEVICE");
    c.set("user", user);
    await next();
    if (found?.fault.answer === "drop") c.res = cut(c.env);
  });

  const base = "/_matrix/client/v3";
  app.get("/_matrix/client/versions", (c) => c.json({ versions: ["v1.11"] }));
  app.get(`${base}/account/whoami`, (c) => c.json({ user_id: c.get("user") }));
  app.post(`${base}/register`, async (c) => {
    const { username } = await c.req.json<{ username: string }>();
    const user = `@${username}:${serverName}`;
    if (!isAgent(user)) return refuse(c, 400, "M_EXCLUSIVE");
    if (users.has(user)) return refuse(c, 400, "M_USER_IN_USE");
    users.add(user);
    return c.json({ user_id: user });
  });
  app.put(`${base}/devices/:device`, (c) => {
    devices.add(`${c.get("user")} ${c.req.param("device")}`);
    return c.json({}, 201);
  });
  app.get(`${base}/joined_rooms`, (c) => {
    const joined = [...rooms].filter(([, room]) => room.members.get(c.get("user")) === "join");
    return c.json({ joined_rooms: joined.map(([id]) => id) });
  });
  app.post(`${base}/rooms/:room/join`, (c) => {
    const room = rooms.get(c.req.param("room"));
    const membership = room?.members.get(c.get("user"));
    if (membership !== "invite" && membership !== "join") return refuse(c, 403, "M_FORBIDDEN");
    if (membership === "invite") echo(setMember(c.req.param("room"), c.get("user"), c.get("user"), "join"));
    return c.json({ room_id: c.req.param("room") });
  });
  app.post(`${base}/rooms/:room/leave`, (c) => {
    const membership = rooms.get(c.req.param("room"))?.members.get(c.get("user"));
    if (membership === undefined) return refuse(c, 403, "M_FORBIDDEN");
    if (membership !== "leave") echo(setMember(c.req.param("room"), c.get("user"), c.get("user"), "leave"));
    return c.json({});
  });

  // From here on the user must be in the room.
  app.use(`${base}/rooms/:room/*`, async (c, next) => {
    const room = rooms.get(c.req.param("room"));
    if (room?.members.get(c.get("user")) !== "join") return refuse(c, 403, "M_FORBIDDEN");
    return next();
  });
  app.get(`${base}/rooms/:room/joined_members`, (c) => {
    const joined = Object.fromEntries(membersOf(c.req.param("room")).map((user) => [user, {}]));
    return c.json({ joined });
  });
  const getState = (c: Context<{ Variables: { user: string } }>): Response => {
    const content = rooms
      .get(c.req.param("room") ?? "")
      ?.state.get(`${c.req.param("type") ?? ""} ${c.req.param("key") ?? ""}`);
    return content ? c.json(content) : refuse(c, 404, "M_NOT_FOUND");
  };
  app.get(`${base}/rooms/:room/state/:type/`, getState);
  app.get(`${base}/rooms/:room/state/:type/:key`, getState);
  app.put(`${base}/rooms/:room/typing/:user`, (c) => c.json({}));
  app.post(`${base}/rooms/:room/receipt/:type/:event`, (c) => c.json({}));

  const once = (c: Context<{ Variables: { user: string } }>, scope: string, make: () => StandInEvent): Response => {
    // Synapse's scope of a transaction id: user, device and path.
    const key = [c.get("user"), c.req.query("device_id"), scope].join(" ");
    const eventId = transactions.get(key) ?? echo(make()).event_id;
    transactions.set(key, eventId);
    return c.json({ event_id: eventId });
  };
  app.put(`${base}/rooms/:room/send/:type/:txn`, async (c) => {
    const { room, type, txn } = c.req.param();
    const content = await c.req.json<Record<string, unknown>>();
    if (JSON.stringify(content).length > 65_000)
      return c.json({ errcode: "M_TOO_LARGE", error: "event too large" }, 413);
    return once(c, `send ${room} ${txn}`, () =>
      record({ room_id: room, sender: c.get("user"), type, content, txnId: txn }),
    );
  });
  app.put(`${base}/rooms/:room/redact/:event/:txn`, (c) => {
    const { room, event, txn } = c.req.param();
    return once(c, `redact ${room} ${event} ${txn}`, () =>
      record({
        room_id: room,
        sender: c.get("user"),
        type: "m.room.redaction",
        redacts: event,
        content: {},
        txnId: txn,
      }),
    );
  });

  app.get("/_matrix/client/v1/media/download/:server/:media", (c) => {
    const file = media.get(`${c.req.param("server")}/${c.req.param("media")}`);
    if (!file) return refuse(c, 404, "M_NOT_FOUND");
    return new Response(new Uint8Array(file.bytes), { headers: { "content-type": file.type } });
  });
  app.post("/_matrix/media/v3/upload", async (c) => {
    const type = c.req.header("content-type") ?? "application/octet-stream";
    return c.json({ content_uri: addMedia(new Uint8Array(await c.req.arrayBuffer()), type) });
  });
  app.get(`${base}/profile/:user/displayname`, (c) => c.json({ displayname: c.req.param("user") }));
  app.post("/_matrix/client/v1/appservice/:id/ping", async (c) => {
    if (gateway === undefined) return c.json({ errcode: "M_CONNECTION_FAILED", error: "no url" }, 502);
    const { transaction_id } = await c.req.json<{ transaction_id: string }>();
    const answer = await fetch(`${gateway}/_matrix/app/v1/ping`, {
      method: "POST",
      headers: { authorization: `Bearer ${hsToken}`, "content-type": "application/json" },
      body: JSON.stringify({ transaction_id }),
    }).catch(() => undefined);
    await answer?.text();
    if (!answer) return c.json({ errcode: "M_CONNECTION_FAILED", error: "cannot reach it" }, 502);
    if (!answer.ok) return c.json({ errcode: "M_BAD_STATUS", status: answer.status, error: "not 200" }, 502);
    return c.json({ duration_ms: 1 });
  });
  app.notFound((c) => c.json({ errcode: "M_UNRECOGNIZED", error: c.req.path }, 404));

  const addMedia = (bytes: Uint8Array, type: string): string => {
    const id = randomBytes(12).toString("hex");
    media.set(`${serverName}/${id}`, { bytes, type });
    return `mxc://${serverName}/${id}`;
  };
  const addAgent = (user: string): void => {
    users.add(user);
    devices.add(`${user} OPENCLAW`);
  };
  const membersOf = (room: string): string[] =>
    [...(rooms.get(room)?.members ?? [])].filter(([, membership]) => membership === "join").map(([user]) => user);

  const server = await new Promise<ServerType>((resolve) => {
    const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(listening));
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    serverName,
    asToken,
    get hsToken() {
      return hsToken;
    },
    set hsToken(token) {
      hsToken = token;
    },
    calls,
    events,
    get failedPushes() {
      return queue.failures;
    },
    connect(to) {
      gateway = to;
      queue.wake();
    },
    createRoom({ id = `!${randomBytes(9).toString("hex")}:${serverName}`, members, encrypted = false }) {
      const state = new Map<string, Record<string, unknown>>();
      if (encrypted) state.set("m.room.encryption ", { algorithm: "m.megolm.v1.aes-sha2" });
      rooms.set(id, { members: new Map(members.map((user) => [user, "join"])), state });
      members.filter(isAgent).forEach(addAgent);
      return id;
    },
    addAgent,
    say: (room, by, content) =>
      pushed(
        record({
          room_id: room,
          sender: by,
          type: "m.room.message",
          content: typeof content === "string" ? { msgtype: "m.text", body: content } : content,
        }),
      ),
    invite: (room, user, by, { isDirect = false } = {}) =>
      pushed(setMember(room, user, by, "invite", isDirect ? { is_direct: true } : {})),
    setState(room, by, type, key, content) {
      rooms.get(room)?.state.set(`${type} ${key}`, content);
      if (type === "m.room.member") rooms.get(room)?.members.set(key, String(content["membership"]));
      return pushed(record({ room_id: room, sender: by, type, state_key: key, content }));
    },
    redact: (room, by, event) =>
      pushed(record({ room_id: room, sender: by, type: "m.room.redaction", redacts: event, content: {} })),
    push: (batch) => queue.push([...batch]),
    addMedia,
    members: membersOf,
    sent: (room) => events.filter((event) => event.txnId !== undefined && event.room_id === room),
    waitFor: (predicate, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const past = events.find(predicate);
        if (past) return resolve(past);
        const timer = setTimeout(() => {
          listeners.delete(listener);
          reject(new Error(`no such event within ${timeoutMs} ms; there were ${events.length}`));
        }, timeoutMs);
        const listener = (event: StandInEvent): void => {
          if (!predicate(event)) return;
          clearTimeout(timer);
          listeners.delete(listener);
          resolve(event);
        };
        listeners.add(listener);
      }),
    fail(fault) {
      faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    clearFaults() {
      faults.length = 0;
    },
    async close() {
      gateway = undefined;
      await queue.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    },
  };
}

/** Ends the connection without an answer. */
function cut(env: unknown): Response {
  const { incoming } = env as { incoming?: { socket: { destroy(): void } } };
  incoming?.socket.destroy();
  return new Response(null, { status: 500 });
}
