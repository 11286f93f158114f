/** A person with a real Matrix client. */
import {
  ClientEvent,
  createClient,
  type MatrixClient,
  type MatrixEvent,
  MsgType,
  type Room,
  RoomEvent,
  SyncState,
} from "matrix-js-sdk";
import { type Logger, logger } from "matrix-js-sdk/lib/logger.js";
import type { SynapseUser } from "./synapse.ts";

const silence = (): void => {};
// Its types hide that it is a loglevel logger.
(logger as unknown as { disableAll(): void }).disableAll();
/** The SDK logs what it does at length. */
const silent: Logger = {
  trace: silence,
  debug: silence,
  info: silence,
  warn: silence,
  error: silence,
  getChild: () => silent,
};

const waitMs = 30_000;

// The SDK never clears the timers of its requests' time-outs, of up to two minutes: they must not hold up the test's end.
const { setTimeout: plainSetTimeout } = globalThis;
const patient = (...parameters: Parameters<typeof setTimeout>): NodeJS.Timeout => {
  const timer = plainSetTimeout(...parameters);
  return Number(parameters[1]) >= 5_000 ? timer.unref() : timer;
};
Object.assign(globalThis, { setTimeout: Object.assign(patient, plainSetTimeout) });

/** What a test does with the client; every wait rejects after 30 s and says for what it waited. */
export interface Person {
  readonly userId: string;
  readonly client: MatrixClient;
  say(room: string, text: string, more?: Record<string, unknown>): Promise<string>;
  /** The first event of the room, past or future, that satisfies. */
  event(room: string, what: string, satisfies: (event: MatrixEvent) => boolean): Promise<MatrixEvent>;
  /** Waits until something about the room is so. */
  until(room: string, what: string, holds: (room: Room) => boolean): Promise<void>;
  messagesOf(room: string, sender: string): MatrixEvent[];
  stop(): void;
}

/** Logs in and syncs. */
export async function startPerson(url: string, user: SynapseUser): Promise<Person> {
  const client = createClient({
    baseUrl: url,
    accessToken: user.accessToken,
    userId: user.userId,
    deviceId: user.deviceId,
    logger: silent,
  });
  const synced = new Promise<void>((resolve) => {
    client.on(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) resolve();
    });
  });
  await client.startClient({ initialSyncLimit: 50 });
  await synced;
  const events = (room: string): MatrixEvent[] => {
    const found = client.getRoom(room);
    if (!found) return [];
    return [...found.getLiveTimeline().getEvents(), ...found.getThreads().flatMap((thread) => thread.events)];
  };
  const poll = async <Value>(what: string, look: () => Value | undefined): Promise<Value> => {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`waited ${waitMs / 1000} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  return {
    userId: user.userId,
    client,
    async say(room, text, more = {}) {
      const { event_id } = await client.sendMessage(room, { msgtype: MsgType.Text, body: text, ...more });
      return event_id;
    },
    event: (room, what, satisfies) => poll(what, () => events(room).find(satisfies)),
    async until(room, what, holds) {
      await poll(what, () => {
        const found = client.getRoom(room);
        return found && holds(found) ? true : undefined;
      });
    },
    messagesOf: (room, sender) =>
      events(room).filter(
        (event) => event.getSender() === sender && event.getType() === "m.room.message" && !event.isRedacted(),
      ),
    stop() {
      client.removeAllListeners(RoomEvent.Timeline);
      client.stopClient();
    },
  };
}
