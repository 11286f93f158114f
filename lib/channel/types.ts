/** What every channel speaks to the rest: wire shapes become these once, at the edge. */
import type { LinkPolicy } from "./links.ts";

export type ChannelName = "matrix" | "telegram";

/** `matrix:@name:server` or `telegram:123456789`, never a display name or username; `job:<name>` where nobody asked. */
export type Principal = `${ChannelName | "job"}:${string}`;

/** Where an answer goes. Stored in the clear: it is metadata. */
export type Destination =
  | {
      readonly channel: "telegram";
      readonly bot: string;
      readonly chat: number;
      readonly topic?: number;
      readonly replyTo?: number;
    }
  | {
      readonly channel: "matrix";
      /** Full user id of the agent that speaks. */
      readonly user: string;
      readonly room: string;
      /** The room of the config that this one replaced: what config says of that one holds here. */
      readonly origin?: string;
      /** Root event of the thread. */
      readonly thread?: string;
      readonly replyTo?: string;
    };

/** A file that came with a message; fetched only when a run needs it. */
export interface Attachment {
  readonly kind: "image" | "voice" | "document";
  /** Telegram file_id or mxc:// URI. */
  readonly ref: string;
  readonly name?: string;
  /** As claimed by the sender: never trusted, the bytes are sniffed. */
  readonly mime?: string;
  /** Bytes as claimed by the sender. */
  readonly size?: number;
  /** Of a `voice`: the person spoke it, by their client's word; any other sound may hold anybody's words. */
  readonly spoken?: true;
  /** What an encrypted file is opened with; as secret as what it holds, so it is kept only where the message is sealed. */
  readonly encryption?: FileEncryption;
}

/** How a file was encrypted (AES-256-CTR), each part in base64 as its sender wrote it. */
export interface FileEncryption {
  readonly key: string;
  readonly iv: string;
  /** Of the encrypted bytes. */
  readonly sha256: string;
}

/** A file to be sent, before a channel has made its own body of it. */
export interface OutboundFile {
  /** Without path separators and control characters. */
  readonly name: string;
  /** By its bytes, never by its name. */
  readonly mime: string;
  readonly bytes: Uint8Array;
  /** Plain text. */
  readonly caption?: string;
}

/** A command of either channel: `/new` on Telegram is `!new` on Matrix. */
export interface Command {
  readonly name: "start" | "help" | "agents" | "agent" | "new" | "status" | "stop" | "jobs" | "approve" | "deny";
  readonly argument: string;
}

/** One message for an agent, as the inbox keeps it (sealed). */
export interface InboundMessage {
  readonly principal: Principal;
  /** The sender's name as shown in shared rooms, for the model's benefit only; never for a decision. */
  readonly senderName?: string;
  readonly text: string;
  readonly command?: Command;
  /** The command was no word but a tap on a question: a button, a reaction. By this the channel can answer it. */
  readonly tap?: string;
  readonly attachments: readonly Attachment[];
  /** Shared by the messages that were sent as one, such as the photos of a Telegram album. */
  readonly album?: string;
  /** Text of the message this one answers, where the channel gave it. */
  readonly quoted?: string;
  /** Somebody else wrote it: the person only passed it on. Where the channel says so. */
  readonly forwarded?: true;
  readonly destination: Destination;
  /** True in rooms with others, where an answer is public to them. */
  readonly shared: boolean;
  /** When it was sent, ISO 8601, by the channel's clock; of a scheduled one, when it was due. */
  readonly sentAt: string;
  /** Nobody wrote it now: a schedule of the person's speaks, in words that an agent chose and an approver agreed to. */
  readonly scheduled?: ScheduledMessage;
}

/** The occurrence of a schedule that a message is; the times in words, by the schedule's own zone. */
export interface ScheduledMessage {
  readonly id: number;
  /** Who answers, whoever else is talked to in the chat now. */
  readonly agent: string;
  /** What had tainted the run that made it. */
  readonly taint: readonly string[];
  readonly asked: string;
  /** How often. */
  readonly when: string;
  readonly due: string;
}

/**
 * A mailbox: one room or chat (or thread of one) with one agent or bot. Messages of a lane are worked on in order,
 * one run at a time. `telegram:<bot>:<chat>[:<topic>]` or `matrix:<user>|<room>[|<thread root>]`.
 */
export type Lane = string;

/** A message to be sent, as the outbox keeps it (sealed). `body` is the channel's own shape, by one of its `render` methods. */
export interface OutboundMessage {
  /** Unique and the same on every attempt: a channel with idempotent sends uses it as transaction id. */
  readonly key: string;
  readonly destination: Destination;
  readonly body: unknown;
  /** What an earlier attempt made of the body for an encrypted room; every further attempt sends that. */
  readonly ciphertext?: string | undefined;
}

/** A question with a yes and a no beside it, each given by one tap. */
export interface TapQuestion {
  /** What the tap says yes or no to. */
  readonly code: string;
  /** Of its outbox entries: `key:0` is the question itself. */
  readonly key: string;
}

/** What became of an attempt to send. */
export type SendOutcome =
  | { readonly state: "sent"; readonly remoteId: string }
  /** Certainly not delivered; try again after `afterMs`. */
  | { readonly state: "retry"; readonly afterMs: number; readonly reason: string }
  /** Perhaps delivered; never sent again by itself. */
  | { readonly state: "unknown"; readonly reason: string }
  /** Certainly not delivered, and no retry would help. */
  | { readonly state: "failed"; readonly reason: string }
  /** Certainly not delivered: another process has what it takes to send it. */
  | { readonly state: "elsewhere" };

/** Shows the person that work is under way; every method is best effort and never throws. */
export interface Presence {
  /** Names the tool at work, undefined when none is any more; shown once the run takes longer than 8 s. */
  progress(line: string | undefined): void;
  /** Ends typing and removes the progress line. Call exactly once. */
  end(): Promise<void>;
}

/** A channel as the conversation and the outbox see it. */
export interface Channel {
  readonly name: ChannelName;
  /** True where sending the same key twice delivers once. */
  readonly idempotentSend: boolean;
  /**
   * Markdown to the channel's own message bodies, split to its limits, in order. Pure; at least one. With `links` what else
   * leads anywhere is shown as words that no client makes a link of.
   */
  render(markdown: string, destination: Destination, links?: LinkPolicy): readonly unknown[];
  /** A file to the channel's own message body, its caption under `links`. Pure: the bytes are in it, and go out when it is sent. */
  renderFile(file: OutboundFile, destination: Destination, links?: LinkPolicy): unknown;
  /** A question to the channel's own bodies, in order: itself, and what can be tapped. Pure. */
  renderQuestion(
    markdown: string,
    destination: Destination,
    question: TapQuestion,
    links?: LinkPolicy,
  ): readonly unknown[];
  /**
   * Shows a line below a question that was sent, and takes away what could be tapped. Best effort, quick, never throws. Only
   * where the channel can; elsewhere the line is said.
   */
  amend?(destination: Destination, remoteId: string, body: unknown, line: string): Promise<void>;
  /** Tells only the person who tapped. Best effort, quick, never throws. Only where the channel can. */
  answerTap?(destination: Destination, tap: string, text: string): Promise<void>;
  /** Sends one message. Never throws for what the network or the server does. */
  send(message: OutboundMessage, signal: AbortSignal): Promise<SendOutcome>;
  /** Tells the process that can that the lane has something to be sent. Only where `send` may say `elsewhere`. */
  handOver?(lane: Lane, destination: Destination): Promise<void>;
  /** Begins to show that work is under way, and marks the message as read where the channel can. */
  present(destination: Destination): Presence;
  /** The bytes of an attachment, at most `limit`; throws ClawError `too_large` past it. */
  fetchAttachment(
    attachment: Attachment,
    destination: Destination,
    limit: number,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
}
