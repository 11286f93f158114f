import { copyFile } from "node:fs/promises";
import path from "node:path";
import { startInChroot } from "./chroot-process.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { poll } from "./poll.ts";
import { ensureChroot } from "./sid.ts";
import type { SynapseUser } from "./synapse-users.ts";

const script = "nio_person.py";

/** A timeline event as nio shows it: decrypted, or of type `m.room.encrypted` when it cannot be. */
export interface NioEvent {
  room: string;
  sender: string;
  event_id: string;
  type: string;
  body: string | null;
  content: Record<string, unknown>;
  /** Whether it was encrypted on its way. */
  encrypted: boolean;
}

/** What a test does with the client; every wait rejects after 30 s and says for what it waited. */
export interface NioPerson {
  readonly userId: string;
  /** Sends a text, with more content if given, and returns the event's id. */
  say(room: string, text: string, more?: Record<string, unknown>): Promise<string>;
  /** Accepts an invite and returns when a sync has brought the room. */
  join(room: string): Promise<void>;
  /** Waits until it knows that somebody has joined. */
  joined(room: string, userId: string): Promise<void>;
  /** The first event of the room, past or future, that satisfies. */
  event(room: string, what: string, satisfies: (event: NioEvent) => boolean): Promise<NioEvent>;
  message(room: string, sender: string, text: string): Promise<NioEvent>;
  messagesOf(room: string, sender: string): NioEvent[];
  stop(): Promise<void>;
}

/**
 * Starts python-nio, the client library of the libolm family, on a device of the user's.
 * It knows no cross-signing: its device is unsigned, and it gives its keys to every device, verified or not.
 * Throws `PeersUnavailable` where this machine cannot hold it.
 */
export async function startNioPerson({ url, user }: { url: string; user: SynapseUser }): Promise<NioPerson> {
  const { dir: chroot } = await ensureChroot(["python3-matrix-nio", "python3-olm"]);
  const folder = await makePeerFolder(chroot, "nio");
  await copyFile(path.join(import.meta.dirname, script), folder.host(script));

  const events: NioEvent[] = [];
  const answers = new Map<number, Answer>();
  let isReady = false;
  let commands = 0;
  const { userId, deviceId, accessToken } = user;
  const argv = ["python3", folder.inside(script), url, userId, deviceId, accessToken, folder.inside("")];
  const nio = startInChroot(chroot, argv, {}, (line) => {
    const told = JSON.parse(line) as Told;
    if (told.what === "ready") isReady = true;
    else if (told.what === "answer") answers.set(told.number, told);
    else events.push(told);
  });
  const heard = <Value>(what: string, look: () => Value | undefined): Promise<Value> =>
    poll(what, () => {
      if (nio.hasEnded()) throw new Error(`nio ended:\n${nio.logs().slice(-4000)}`);
      return look();
    });
  const stop = async (): Promise<void> => {
    await nio.stop();
    await folder.remove();
  };
  const command = async (action: string, parameters: Record<string, unknown>): Promise<unknown> => {
    const number = commands++;
    nio.write(`${JSON.stringify({ number, do: action, ...parameters })}\n`);
    const { result, error } = await heard(`nio to ${action}`, () => answers.get(number));
    if (error !== undefined) throw new Error(`nio cannot ${action}: ${error}`);
    return result;
  };
  const event: NioPerson["event"] = (room, what, satisfies) =>
    heard(what, () => events.find((found) => found.room === room && satisfies(found)));

  await heard("nio to sync", () => isReady || undefined).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    userId,
    say: async (room, text, more = {}) => String(await command("say", { room, text, more })),
    join: async (room) => void (await command("join", { room })),
    joined: async (room, other) => {
      await poll(`${other} to join`, async () => {
        const members = (await command("members", { room })) as string[];
        return members.includes(other) || undefined;
      });
    },
    event,
    message: (room, sender, text) =>
      event(room, `${sender} to say "${text}"`, (found) => found.sender === sender && found.body === text),
    messagesOf: (room, sender) =>
      events.filter((found) => found.room === room && found.sender === sender && found.type === "m.room.message"),
    stop,
  };
}

type Answer = { what: "answer"; number: number; result?: unknown; error?: string };
type Told = { what: "ready" } | Answer | ({ what: "event" } & NioEvent);
