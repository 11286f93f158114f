/** What the processes of the benchmark say to each other. */
import type { SynapseUser } from "../live/support/synapse-users.ts";

/** Where the stand-ins listen. */
export interface Addresses {
  /** Ends in /v1. */
  readonly model: string;
  readonly botApi: string;
  /** Port on loopback that tells of each message sent. */
  readonly notices: number;
}

/** A message reached the Bot API. */
export interface Notice {
  readonly chat: number | string;
  /** When its request began to arrive, on the shared clock, in milliseconds. */
  readonly at: number;
  /** What the model spent since the notice before; with one turn at a time, the turn's. */
  readonly modelMs: number;
}

/** Calls of stand-ins.ts. */
export type StandInCalls = {
  readonly open: (argument: null) => Promise<Addresses>;
  /** From now on the model takes requests and never answers. */
  readonly hang: (on: boolean) => void;
  readonly modelCalls: (argument: null) => number;
  /** The body of the model's last request. */
  readonly lastRequest: (argument: null) => string;
  /** What the model spent since the last notice or question, in milliseconds. */
  readonly modelMs: (argument: null) => number;
  /** Starts an empty homeserver in the place of the last; returns its URL. */
  readonly newHomeserver: (argument: null) => Promise<string>;
  readonly addRoom: (room: { id: string; members: string[]; encrypted: boolean }) => string;
  /** Lets the homeserver push to the gateway; null: no longer. */
  readonly connectHomeserver: (gateway: string | null) => void;
  /** Milliseconds of each turn above the model's. */
  readonly matrixTurns: (plan: { room: string; sender: string; count: number }) => Promise<number[]>;
  /** The same by a person with an encrypting client. */
  readonly encryptedTurns: (plan: { room: string; sender: string; count: number }) => Promise<EncryptedTurnTimes>;
  /** One encrypted message in each room: in those of one list at once, the next list when all are answered. */
  readonly sayInAll: (plan: { rooms: string[][]; sender: string }) => Promise<void>;
};

/** Milliseconds of each turn above the model's. */
export interface EncryptedTurnTimes {
  /** From the client's "send" until it has decrypted the answer. */
  readonly round: readonly number[];
  /** The gateway's part: from the event's arrival at the homeserver to that of the answer. */
  readonly gateway: readonly number[];
  /** The gateway's calls in each of these turns, as "GET sync". */
  readonly calls: Readonly<Record<string, number>>;
}

/** A number of chats, each saying its next "hi" when the last was answered. */
export interface TurnPlan {
  readonly port: number;
  readonly notices: number;
  /** Telegram ids of the people; as many turns go on at once. */
  readonly people: readonly number[];
  /** Turns in all. */
  readonly count: number;
  /** Milliseconds between an answer and the next message. */
  readonly pauseMs: number;
}

/** What became of a TurnPlan. */
export interface TurnTimes {
  readonly ms: number;
  /** From the push to the arrival of sendMessage, the model's time (where turns go one by one) taken off. */
  readonly each: readonly number[];
}

/** Requests on many connections for a while. */
export interface IngestPlan {
  readonly port: number;
  readonly kind: "bare" | "telegram" | "matrix";
  readonly connections: number;
  readonly ms: number;
  /** Telegram ids of the people the messages come from. */
  readonly people: readonly number[];
}

/** What was acknowledged with 200. */
export interface Ingested {
  readonly acknowledged: number;
  readonly refused: number;
  readonly ms: number;
}

/** Calls of load.ts. */
export type LoadCalls = {
  readonly turns: (plan: TurnPlan) => Promise<TurnTimes>;
  readonly ingest: (plan: IngestPlan) => Promise<Ingested>;
};

/** Calls of bare.ts. */
export type BareCalls = {
  /** Returns the port. */
  readonly open: (database: { url: string; pool: number }) => Promise<number>;
};

/** Calls of synapse-client.ts. */
export type SynapseClientCalls = {
  /** Logs in with an encrypting client; returns the id of an encrypted room of its own. */
  readonly open: (account: { url: string; user: SynapseUser }) => Promise<string>;
  /** Resolves when the user has joined. */
  readonly invite: (plan: { room: string; user: string }) => Promise<void>;
  /** Milliseconds of each turn, from "send" until the answer is decrypted; with the model's. */
  readonly turns: (plan: { room: string; agent: string; count: number; pauseMs: number }) => Promise<number[]>;
};

/** A crypto store by its database and user. */
export interface StorePlan {
  readonly url: string;
  readonly user: string;
}

/** Milliseconds of the parts of opening a crypto store in a fresh process. */
export interface StoreTimes {
  /** Loading and compiling the library, once a process. */
  readonly library: number;
  /** Rows to a machine. */
  readonly open: number;
  /** The first decryption with it. */
  readonly decrypt: number;
  readonly rows: number;
}

/** Calls of crypto-store.ts. */
export type CryptoStoreCalls = {
  /** Makes a store with so many rooms' keys; returns an encrypted event of the last room. */
  readonly fill: (plan: StorePlan & { rooms: number }) => Promise<{ room: string; event: string }>;
  readonly load: (plan: StorePlan & { room: string; event: string }) => Promise<StoreTimes>;
};

/** What reading a whole journal took. */
export interface AuditRead {
  readonly rows: number;
  readonly seconds: number;
  /** Resident memory at the most, and what it was before. */
  readonly peakMb: number;
  readonly beforeMb: number;
}

/** Calls of audit.ts. */
export type AuditCalls = {
  /** `claw audit verify` on a database. */
  readonly verify: (database: { url: string }) => Promise<AuditRead>;
  /** The same rows in the same order, and nothing done with them. */
  readonly read: (database: { url: string }) => Promise<AuditRead>;
};
