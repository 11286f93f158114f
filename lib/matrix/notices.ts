/** What an agent says in a room by itself, when it cannot do what was asked: one clear line, once. */
import type { Disbelief } from "./crypto/believe.ts";
import type { MatrixMessage } from "./event.ts";

/** A line for a room. */
export interface Notice {
  /** Full user id of the agent that says it. */
  readonly user: string;
  readonly room: string;
  readonly thread?: string | undefined;
  /** The event it is about. */
  readonly replyTo?: string | undefined;
  /** Unique for ever: what was said once under it is not said again. */
  readonly key: string;
  /** Markdown. */
  readonly text: string;
}

/** Says a line; never throws, and nobody waits for it. */
export type Tell = (notice: Notice) => void;

/**
 * Whether a message is for everybody in the room, on whatever device: a notice, which says nothing of what people said, or a
 * step of a verification. The very people it is about could not read it otherwise.
 */
export const isForAll = (key: string): boolean => key.startsWith("notice:") || key.startsWith("verification:");

/** Once an hour a subject. */
export const hourly = (...subject: string[]): string =>
  ["notice", Math.floor(Date.now() / 3_600_000), ...subject].join(":");

/** Once for ever a subject. */
export const once = (...subject: string[]): string => ["notice", ...subject].join(":");

type About = Pick<MatrixMessage, "room" | "thread" | "eventId">;

const basis = (user: string, { room, thread, eventId }: About) => ({ user, room, thread, replyTo: eventId });

/** In a room without encryption. */
export const unencryptedRoomNotice = (user: string, message: About): Notice => ({
  ...basis(user, message),
  key: hourly("unencrypted-room", user, message.room),
  text: "I read and answer only in encrypted rooms. Turn on encryption in this room's settings, then write again.",
});

/** In an encrypted room. */
export const unencryptedMessageNotice = (user: string, message: About & Pick<MatrixMessage, "sender">): Notice => ({
  ...basis(user, message),
  key: hourly("unencrypted-message", user, message.room, message.sender),
  text: "I did not read that: it came without encryption, and this room has it. Please send it from a client that encrypts.",
});

/** Of a message whose keys never came; `withheld`: the sender's client said that it keeps them from us. */
export const undecryptableNotice = (user: string, message: About & { sender: string }, withheld: boolean): Notice => ({
  ...basis(user, message),
  key: hourly("undecryptable", user, message.room, message.sender),
  text: withheld
    ? "I cannot read this: your client keeps its keys from me. If it shares them with verified sessions only, verify me there (or ask the operator to), then send it again."
    : "I cannot read this: its keys never reached me. Please send it again.",
});

const disbelieved: Readonly<Record<Disbelief, (device: string) => string>> = {
  "another identity": () =>
    "I did not act on that: your encryption identity is not the one I know you by. If you reset it yourself, verify me from this client, or let the operator run `claw matrix trust`. Then send it again.",
  "unsigned device": (device) =>
    `I did not act on that: it came from a session${device} that you have not verified. Verify that session with another one of yours (Element: Settings, Sessions), or let the operator run \`claw matrix trust\`. Then send it again.`,
  "unknown device": () =>
    "I did not act on that: it came from a session that your account does not list. Please send it from another one.",
  "forwarded key": () =>
    "I did not act on that: its key reached me by way of somebody else, so I cannot tell who wrote it. Please send it again.",
};

/** Of a message whose sender is not believed. */
export const disbeliefNotice = (
  user: string,
  message: About & { sender: string },
  why: Disbelief,
  device: string | undefined,
): Notice => ({
  ...basis(user, message),
  key: hourly("disbelief", user, message.room, message.sender, why, device ?? ""),
  text: disbelieved[why](device === undefined ? "" : ` (${device})`),
});

/** What the keys of a room's `leftOutNotice`s begin with; the devices follow. */
export const leftOutKey = (user: string, room: string): string => `${once("left-out", user, room)}:`;

/** Of devices that cannot read what is said from now on, once each. */
export const leftOutNotice = (
  user: string,
  room: string,
  left: readonly { user: string; device: string }[],
): Notice => ({
  user,
  room,
  key:
    leftOutKey(user, room) +
    left
      .map((each) => `${each.user} ${each.device}`)
      .sort()
      .join(":"),
  text: `Not every session here can read me, as its owner has not verified it: ${left
    .map((each) => `\`${each.user}\` ${each.device}`)
    .join(", ")}. Verifying it with another session of its owner mends that.`,
});

/** Of people whose identity is not the one seen first: they get no keys. */
export const strangerNotice = (user: string, room: string, person: string, masterKey: string): Notice => ({
  user,
  room,
  key: once("stranger", user, room, person, masterKey),
  text: `\`${person}\` has another encryption identity than the one I know, so I keep what I say here from it, until it verifies me or the operator runs \`claw matrix trust matrix:${person}\`.`,
});
