/** What sharing a room's key hangs on, asked of the homeserver anew for each share. */
import type { MatrixClient, RoomState } from "../client.ts";

interface Asked {
  readonly at: number;
  readonly state: Promise<RoomState>;
}

/** An answer is as fresh as one gets for so long. */
export const freshMs = 500;
/** Of a room with more members its whole state is not read for one message. */
const largeRoom = 200;

/** The rooms of one agent. */
export class FreshRooms {
  readonly #client: MatrixClient;
  readonly #user: string;
  readonly #asked = new Map<string, Asked>();
  /** Members by room, as last seen. */
  readonly #sizes = new Map<string, number>();

  constructor(client: MatrixClient, user: string) {
    this.#client = client;
    this.#user = user;
  }

  /** Asks already, for an answer that may be given in a moment; nobody waits for it, and it need not succeed. */
  expect(room: string, signal: AbortSignal): void {
    const now = performance.now();
    for (const [known, { at }] of this.#asked) if (now - at > freshMs) this.#asked.delete(known);
    const state = this.#ask(room, signal);
    state.catch(() => {});
    this.#asked.set(room, { at: now, state });
  }

  /** The room as it is now. Throws MatrixError where that cannot be known. */
  async of(room: string, signal?: AbortSignal): Promise<RoomState> {
    const asked = this.#asked.get(room);
    this.#asked.delete(room);
    const isFresh = asked !== undefined && performance.now() - asked.at <= freshMs;
    const state = await (isFresh ? asked.state : this.#ask(room, signal));
    this.#sizes.set(room, state.members.length);
    return state;
  }

  async #ask(room: string, signal?: AbortSignal): Promise<RoomState> {
    if ((this.#sizes.get(room) ?? 0) <= largeRoom) return this.#client.roomState(this.#user, room, signal);
    const [members, encryption, visibility] = await Promise.all([
      this.#client.joinedMembers(this.#user, room, signal),
      this.#client.getState(this.#user, room, "m.room.encryption", "", signal),
      this.#client.getState(this.#user, room, "m.room.history_visibility", "", signal),
    ]);
    return { members, encryption, visibility };
  }
}
