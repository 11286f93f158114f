import type { Hono } from "hono";
import { createMatrixFunction } from "../../../functions/matrix.ts";
import type { Agent, Config, Group } from "../../../lib/config/config.ts";
import { configSchema } from "../../../lib/config/schema.ts";
import { Secret } from "../../../lib/config/secret.ts";
import type { Inbox, InboxEntry } from "../../../lib/ledger/inbox.ts";
import type { AskedQuestion, MatrixEvents } from "../../../lib/ledger/matrix-events.ts";
import type { Seat } from "../../../lib/ledger/matrix-rooms.ts";
import { createLog, type Log } from "../../../lib/log.ts";
import type { MatrixMessage } from "../../../lib/matrix/event.ts";
import { decode } from "../../../lib/matrix/decode.ts";
import { type DeviceIds, firstDeviceId } from "../../../lib/matrix/client.ts";
import type { Notice } from "../../../lib/matrix/notices.ts";
import { ClawError } from "../../../lib/errors.ts";
import type { MemberCounts } from "../../../lib/matrix/members.ts";

export const owner = "@me:home.example";
export const kid = "@kid:home.example";
export const stranger = "@eve:evil.example";
export const ops = "@agent_ops:home.example";
export const helper = "@agent_helper:home.example";
export const opsRoom = "!ops:home.example";
export const hsToken = "hs-token-canary";
export const asToken = "as-token-canary";

/** Two agents on Matrix, an owner who may use both and a kid who may use one. */
export function testConfig(
  more: {
    homeserver?: string;
    ops?: object;
    helper?: object;
    /** Further groups, and rooms. */
    groups?: object;
    rooms?: object;
    matrix?: null;
    hsToken?: string;
    asToken?: string;
    previousHsToken?: string;
    previousAsToken?: string;
    progress?: boolean;
    approvals?: Partial<Config["approvals"]>;
    /** `require_encryption`; default false: most tests are about rooms without. */
    encrypted?: boolean;
  } = {},
): Config {
  const plain = { require_encryption: more.encrypted ?? false };
  const raw = configSchema.parse({
    backends: {},
    groups: {
      owners: { members: [`matrix:${owner}`], agents: ["*"] },
      family: { members: [`matrix:${kid}`], agents: ["helper"] },
      ...more.groups,
    },
    rooms: more.rooms,
    agents: {
      ops: agent({ localpart: "agent_ops", display_name: "Ops", rooms: [opsRoom], ...plain, ...more.ops }),
      helper: agent({ localpart: "agent_helper", display_name: "Helping Hand", ...plain, ...more.helper }),
    },
    matrix: {
      homeserver: more.homeserver ?? "http://127.0.0.1:1",
      server_name: "home.example",
      as_token: { env: "A" },
      hs_token: { env: "B" },
      ...(more.progress !== undefined && { progress: more.progress }),
    },
  });
  const named = <Settings extends object>(record: Record<string, Settings>) =>
    Object.entries(record).map(([name, settings]) => [name, { ...settings, name }] as const);
  const part: Partial<Config> = {
    approvals: { ...raw.approvals, ...more.approvals },
    file: "/nowhere/openclaw.toml",
    agents: new Map(named(raw.agents).map(([name, made]): [string, Agent] => [name, { ...made, promptHash: "" }])),
    groups: new Map<string, Group>(named(raw.groups)),
    rooms: new Map(Object.entries(raw.rooms)),
    matrix:
      more.matrix === null || !raw.matrix
        ? undefined
        : {
            ...raw.matrix,
            asToken: new Secret(more.asToken ?? asToken),
            hsToken: new Secret(more.hsToken ?? hsToken),
            previousAsToken: optional(more.previousAsToken),
            previousHsToken: optional(more.previousHsToken),
          },
  };
  return part as Config;
}

const optional = (value: string | undefined): Secret | undefined =>
  value === undefined ? undefined : new Secret(value);

const agent = (matrix: object): object => ({ description: "An agent", backend: "main", prompt: "p.md", matrix });

/** An inbox in memory that keeps its promise: a source is accepted once. */
export class MemoryInbox implements Inbox {
  readonly entries = new Map<string, InboxEntry>();
  commits = 0;
  broken = false;

  async accept(entries: readonly InboxEntry[]): Promise<ReadonlySet<string>> {
    if (this.broken) throw new Error("no database");
    this.commits += 1;
    const fresh = entries.filter((entry) => !this.entries.has(entry.source));
    for (const entry of fresh) this.entries.set(entry.source, entry);
    return new Set(fresh.map((entry) => entry.source));
  }

  all(): InboxEntry[] {
    return [...this.entries.values()];
  }
}

/** Lines of a log, as one string. */
export function memoryLog(): { log: Log; text: () => string } {
  const lines: string[] = [];
  return { log: createLog("trace", { write: (line) => void lines.push(line) }), text: () => lines.join("") };
}

export const seat = (user: string, more: Partial<Seat> = {}): Seat => ({
  user,
  direct: false,
  inviter: undefined,
  encrypted: false,
  ...more,
});

let count = 0;

/** An m.room.message as pushed. */
export const said = (body: string, more: Record<string, unknown> = {}, content: object = {}): object => ({
  event_id: `$event${(count += 1)}`,
  room_id: opsRoom,
  sender: owner,
  type: "m.room.message",
  origin_server_ts: 1_760_000_000_000,
  content: { msgtype: "m.text", body, ...content },
  ...more,
});

/** Every agent's device is the first one. */
export const oneDevice: DeviceIds = { of: async () => firstDeviceId };

/** Encryption of an agent whose keys are not there. */
export const noCrypto = {
  encrypt: async (): Promise<never> => {
    throw new ClawError("channel_failed", "the room is encrypted, and this test has no keys");
  },
  handOver: async (): Promise<void> => {},
};

/** A message as decoded; fails where it is something else. */
export function message(body: string, more: Record<string, unknown> = {}, content: object = {}): MatrixMessage {
  const event = decode(said(body, more, content), new Date(0));
  if (event.kind !== "message") throw new Error(`not a message but ${event.kind}`);
  return event;
}

/** The function of functions/matrix.ts over ledgers in memory. */
export function testFunction(
  options: {
    config?: () => Config;
    seats?: Record<string, readonly Seat[]>;
    members?: number | undefined;
    counts?: MemberCounts;
    settled?: () => boolean;
    /** By event id. */
    questions?: Record<string, AskedQuestion>;
  } = {},
) {
  const inbox = new MemoryInbox();
  const { log, text } = memoryLog();
  const encrypted = new Set<string>();
  const seen = new Set<string>();
  const asked: (readonly string[])[] = [];
  const told: Notice[] = [];
  const woken: string[] = [];
  const seats = options.seats ?? { [opsRoom]: [seat(ops)] };
  const events: Pick<MatrixEvents, "edit" | "redact" | "senders" | "questions"> = {
    edit: async () => 0,
    redact: async () => 0,
    questions: async (ids) =>
      new Map(
        ids.flatMap((id): [string, AskedQuestion][] => (options.questions?.[id] ? [[id, options.questions[id]]] : [])),
      ),
    senders: async (ids) => {
      asked.push(ids);
      return new Map(ids.filter((id) => id === "$from-ops").map((id) => [id, ops]));
    },
  };
  const app: Hono = createMatrixFunction({
    config: options.config ?? (() => config),
    inbox,
    rooms: {
      joined: async (rooms) =>
        new Map(rooms.flatMap((room): [string, readonly Seat[]][] => (seats[room] ? [[room, seats[room]]] : []))),
      markEncrypted: async (room) => void encrypted.add(room),
    },
    transactions: {
      seen: async (id, digest) => seen.has(`${id} ${Buffer.from(digest).toString("hex")}`),
      record: async (id, digest) => void seen.add(`${id} ${Buffer.from(digest).toString("hex")}`),
    },
    events,
    members: options.counts ?? { of: async () => ("members" in options ? options.members : 2), changed: () => {} },
    settled: options.settled ?? (() => true),
    tell: (notice) => void told.push(notice),
    wake: (users) => void woken.push(...users),
    log,
  });
  return { app, inbox, logText: text, encrypted, seen, asked, told, woken };
}

const config = testConfig();

/** A transaction as the homeserver pushes it. */
export const put = (
  app: Hono,
  events: readonly unknown[],
  options: { id?: string; token?: string | null; path?: string; body?: string } = {},
): Promise<Response> =>
  Promise.resolve(
    app.request(options.path ?? `/_matrix/app/v1/transactions/${options.id ?? `t${(count += 1)}`}`, {
      method: "PUT",
      headers: options.token === null ? {} : { authorization: `Bearer ${options.token ?? hsToken}` },
      body: options.body ?? JSON.stringify({ events }),
    }),
  );
