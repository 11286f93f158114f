/** The call that makes a room. */
import { randomBytes } from "node:crypto";
import type { Hono } from "hono";
import type { Env } from "./homeserver-env.ts";
import type { HomeserverState, StandInEvent } from "./homeserver-state.ts";

interface CreateRoom {
  readonly preset?: string;
  readonly name?: string;
  readonly topic?: string;
  readonly is_direct?: boolean;
  readonly invite?: readonly string[];
  readonly initial_state?: readonly { type: string; state_key?: string; content: Record<string, unknown> }[];
}

/** Adds it to the app; the room's first events are given to `echo` in Synapse's order. */
export function mountCreateRoom(app: Hono<Env>, state: HomeserverState, echo: (event: StandInEvent) => void): void {
  app.post("/_matrix/client/v3/createRoom", async (c) => {
    const given = await c.req.json<CreateRoom>();
    const creator = c.get("user");
    const room = `!${randomBytes(9).toString("hex")}:${state.serverName}`;
    state.addRoom(room, [], false);
    const set = (type: string, content: Record<string, unknown>, key = ""): void =>
      echo(state.setState(room, creator, type, key, content));

    set("m.room.create", { room_version: "10", creator });
    set("m.room.member", { membership: "join" }, creator);
    const all = given.preset === "trusted_private_chat" ? (given.invite ?? []) : [];
    set("m.room.power_levels", { users: Object.fromEntries([creator, ...all].map((user) => [user, 100])) });
    set("m.room.join_rules", { join_rule: given.preset === "public_chat" ? "public" : "invite" });
    set("m.room.history_visibility", { history_visibility: "shared" });
    for (const { type, state_key = "", content } of given.initial_state ?? []) set(type, content, state_key);
    if (given.name !== undefined) set("m.room.name", { name: given.name });
    if (given.topic !== undefined) set("m.room.topic", { topic: given.topic });
    for (const user of given.invite ?? [])
      echo(state.setMembership(room, user, creator, "invite", given.is_direct ? { is_direct: true } : {}));
    return c.json({ room_id: room });
  });
}
