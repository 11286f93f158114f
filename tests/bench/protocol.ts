/** What the processes of the benchmark say to each other. */

/** Where the stand-ins listen. */
export interface Addresses {
  /** Ends in /v1. */
  readonly model: string;
  readonly botApi: string;
  readonly homeserver: string;
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
  readonly addRoom: (room: { id: string; members: string[] }) => string;
  /** Lets the homeserver push to the gateway; null: no longer. */
  readonly connectHomeserver: (gateway: string | null) => void;
  /** Milliseconds of each turn above the model's. */
  readonly matrixTurns: (plan: { room: string; sender: string; count: number }) => Promise<number[]>;
};

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
