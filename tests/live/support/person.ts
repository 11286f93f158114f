/** A person with a real Matrix client. */
import {
  ClientEvent,
  createClient,
  EventType,
  type MatrixClient,
  type MatrixEvent,
  MsgType,
  RelationType,
  type Room,
  RoomEvent,
  SyncState,
} from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/@types/events.js";
import { type Logger, logger } from "matrix-js-sdk/lib/logger.js";
import { poll } from "./poll.ts";
import type { SynapseUser } from "./synapse-users.ts";

const silence = (): void => {};
// Its types hide that it is a loglevel logger; its children take this from it, but not its level.
Object.assign(logger, { methodFactory: () => silence });
(logger as unknown as { rebuild(): void }).rebuild();
/** The SDK logs what it does at length. */
const silent: Logger = {
  trace: silence,
  debug: silence,
  info: silence,
  warn: silence,
  error: silence,
  getChild: () => silent,
};

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
  edit(room: string, eventId: string, text: string): Promise<string>;
  react(room: string, eventId: string, key: string): Promise<string>;
  reply(room: string, eventId: string, text: string): Promise<string>;
  /** Says something in the thread below an event. */
  thread(room: string, rootId: string, text: string): Promise<string>;
  /** Sends a message of any kind. */
  send(room: string, content: Record<string, unknown>): Promise<string>;
  /** Accepts an invite and returns when the room is there. */
  join(room: string): Promise<void>;
  /** The first event of the room, past or future, that satisfies; one that cannot be decrypted is none. */
  event(room: string, what: string, satisfies: (event: MatrixEvent) => boolean): Promise<MatrixEvent>;
  /** The first message of a sender with this text. */
  message(room: string, sender: string, text: string): Promise<MatrixEvent>;
  /** Waits until something about the room is so. */
  until(room: string, what: string, holds: (room: Room) => boolean): Promise<void>;
  messagesOf(room: string, sender: string): MatrixEvent[];
  stop(): void;
}

/** What a person may be given. */
export interface PersonOptions {
  /** Runs before the first sync. */
  prepare?: (client: MatrixClient) => Promise<void>;
}

/** Logs in and syncs. */
export async function startPerson(url: string, user: SynapseUser, options: PersonOptions = {}): Promise<Person> {
  const client = createClient({
    baseUrl: url,
    accessToken: user.accessToken,
    userId: user.userId,
    deviceId: user.deviceId,
    logger: silent,
  });
  await options.prepare?.(client);
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
    const all = [...found.getLiveTimeline().getEvents(), ...found.getThreads().flatMap((thread) => thread.events)];
    // The SDK shows a failure as a message of its own, and decrypts again when a key comes.
    return all.filter((event) => !event.isBeingDecrypted() && !event.isDecryptionFailure());
  };
  const isMessageOf = (event: MatrixEvent, sender: string): boolean =>
    event.getSender() === sender && event.getType() === "m.room.message" && !event.isRedacted();
  const send: Person["send"] = async (room, content) =>
    (await client.sendMessage(room, content as unknown as RoomMessageEventContent)).event_id;
  const say: Person["say"] = (room, text, more = {}) => send(room, { msgtype: MsgType.Text, body: text, ...more });
  const waitFor: Person["event"] = (room, what, satisfies) => poll(what, () => events(room).find(satisfies));
  const until: Person["until"] = async (room, what, holds) => {
    await poll(what, () => {
      const found = client.getRoom(room);
      return found && holds(found) ? true : undefined;
    });
  };

  return {
    userId: user.userId,
    client,
    send,
    say,
    edit: (room, eventId, text) =>
      say(room, `* ${text}`, {
        "m.new_content": { msgtype: MsgType.Text, body: text },
        "m.relates_to": { rel_type: RelationType.Replace, event_id: eventId },
      }),
    async react(room, eventId, key) {
      const relation = { rel_type: RelationType.Annotation, event_id: eventId, key } as const;
      return (await client.sendEvent(room, EventType.Reaction, { "m.relates_to": relation })).event_id;
    },
    reply: (room, eventId, text) => say(room, text, { "m.relates_to": { "m.in_reply_to": { event_id: eventId } } }),
    thread: (room, rootId, text) =>
      say(room, text, { "m.relates_to": { rel_type: RelationType.Thread, event_id: rootId } }),
    async join(room) {
      await client.joinRoom(room);
      await until(room, `${user.userId} to join`, (found) => found.getMyMembership() === "join");
    },
    event: waitFor,
    message: (room, sender, text) =>
      waitFor(
        room,
        `${sender} to say "${text}"`,
        (event) => isMessageOf(event, sender) && event.getContent().body === text,
      ),
    until,
    messagesOf: (room, sender) => events(room).filter((event) => isMessageOf(event, sender)),
    stop() {
      client.removeAllListeners(RoomEvent.Timeline);
      client.stopClient();
    },
  };
}
