/** A gateway whose agent is in an encrypted room of a stand-in homeserver, and people there who encrypt. */
import { matrixLane } from "../../lib/ledger/matrix-events.ts";
import { type EncryptedPerson, type PersonOptions, startEncryptedPerson } from "./encrypted-person.ts";
import type { StandInEvent, StandInHomeserver } from "./homeserver.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn, withMatrix } from "./matrix-config.ts";
import type { Script, ScriptedRequest } from "./model-server.ts";
import { type Stage, startStage } from "./stage.ts";
import { until } from "./until.ts";

/** Another person of the group that may use the agent. */
export const friend = "@friend:home.example";

/** What may be chosen. */
export interface EncryptedStageOptions {
  readonly script?: Script;
  /** Further keys of the agent's `matrix` table, as TOML. */
  readonly matrix?: string;
  readonly backend?: string;
  readonly owner?: PersonOptions;
  /** Whether the homeserver pushes to-device messages and device lists too. */
  readonly flags?: boolean;
  readonly config?: (toml: string) => string;
}

/** One part of /readyz. */
export interface Part {
  readonly ok: boolean;
  readonly reason: string;
}

/** A stage with its stand-in. Rooms of `room()` are named in the config. */
export interface EncryptedStage {
  readonly stage: Stage;
  readonly homeserver: StandInHomeserver;
  readonly owner: EncryptedPerson;
  /** A room of the owner and the agent, and others where they are given, whose every message is answered. */
  room(options?: { encrypted?: boolean; members?: readonly string[] }): Promise<string>;
  person(user: string, options?: PersonOptions): Promise<EncryptedPerson>;
  /** The first answer that says so. */
  answer(room: string, said: string | RegExp, by?: EncryptedPerson): Promise<StandInEvent>;
  /** All that the agent said in the room, as the owner reads it. */
  said(room: string, by?: EncryptedPerson): Promise<string[]>;
  /** Waits for a part of /readyz. */
  health(satisfies: (part: Part) => boolean, part?: string): Promise<Part>;
  /** The gauge openclaw_matrix_agent_ok. */
  gauge(): Promise<number>;
  /** The counter openclaw_matrix_decrypt_failures_total. */
  failures(outcome: "unreadable" | "disbelieved"): Promise<number>;
  /** States and reasons of the inbox rows of an event. */
  inbox(event: string): Promise<{ source: string; kind: string; state: string; reason: string | null }[]>;
  /** Lets an event that waits to be read grow older. */
  age(event: string, seconds: number): Promise<void>;
  /** Reloads the config with other further keys of the agent's `matrix` table. */
  reconfigure(matrix: string): void;
  /** Texts the model was asked about, in order. */
  asked(): string[];
  stop(): Promise<void>;
}

/** Repeats what was said. */
export const echo = ({ messages }: ScriptedRequest): { text: string } => ({
  text: `You said: ${bare(lastUser(messages))}`,
});

const lastUser = (messages: ScriptedRequest["messages"]): string =>
  String(messages.findLast(({ role }) => role === "user")?.content);

/** The text without the names that a shared room puts before it; what was said in a row is in one line. */
const bare = (text: string): string => text.replaceAll(/^@[^ ]+: /gm, "").replaceAll(/\s*\n\s*/g, " + ");

const roomIds = Array.from({ length: 30 }, (_, index) => `!room${index + 1}:home.example`);

/** The config of the stage. */
export const encryptedConfig = (toml: string, homeserver: string, matrix = ""): string =>
  withMatrix(toml, homeserver)
    .replace(`"matrix:${matrixOwner}"`, `"matrix:${matrixOwner}", "matrix:${friend}"`)
    .replace(
      /^matrix = \{.*\}$/m,
      `matrix = { localpart = "agent_ops", rooms = [${roomIds.map((id) => `"${id}"`).join(", ")}], answer = "always"${matrix && `, ${matrix}`} }`,
    );

/** Takes back what `encryptedConfig` has put in, so that it can be put in otherwise. */
const withoutMatrix = (toml: string): string =>
  toml
    .replace(/^matrix = \{.*\}\n/m, "")
    .replace(/\[matrix\]\n(.+\n)+/, "")
    .replace(`, "matrix:${matrixOwner}", "matrix:${friend}"`, "");

export async function startEncryptedStage(options: EncryptedStageOptions = {}): Promise<EncryptedStage> {
  const homeserver = await startMatrixStandIn({ flags: options.flags ?? false });
  homeserver.addAgent(matrixAgent);
  const stage = await startStage({
    script: options.script ?? echo,
    ...(options.backend !== undefined && { backend: options.backend }),
    config: (toml) => {
      const made = encryptedConfig(toml, homeserver.url, options.matrix);
      return options.config?.(made) ?? made;
    },
  });
  const { gateway } = stage;
  homeserver.connect(gateway.publicUrl);
  const people: EncryptedPerson[] = [];
  const person = async (user: string, more: PersonOptions = {}): Promise<EncryptedPerson> => {
    const made = await startEncryptedPerson(homeserver, user, more);
    people.push(made);
    return made;
  };
  const health: EncryptedStage["health"] = (satisfies, part = "matrix.ops") =>
    until(
      async () => {
        const answer = await fetch(`${gateway.privateUrl}/readyz`);
        return ((await answer.json()) as Record<string, Part>)[part] ?? { ok: false, reason: "no such part" };
      },
      satisfies,
      8_000,
    );
  const owner = await person(matrixOwner, options.owner);
  await health(({ ok }) => ok, "matrix");
  await health(({ ok }) => ok);
  const ids = roomIds.values();

  return {
    stage,
    homeserver,
    owner,
    person,
    health,
    async room({ encrypted = true, members = [] } = {}) {
      const { value: id } = ids.next();
      if (id === undefined) throw new Error("add more rooms");
      homeserver.createRoom({ id, members: [matrixOwner, ...members], encrypted });
      await homeserver.invite(id, matrixAgent, matrixOwner);
      await until(async () => {
        const [row] = await gateway.sql<{ encrypted: boolean }[]>`
          select encrypted from matrix_rooms where room_id = ${id} and membership = 'join'`;
        const open = await gateway.sql`select 1 from inbox where kind = 'membership' and state in ('new', 'running')`;
        return row?.encrypted === encrypted && open.length === 0;
      });
      return id;
    },
    async answer(room, said, by = owner) {
      const says = (text: unknown): boolean =>
        typeof text === "string" && (typeof said === "string" ? text === said : said.test(text));
      const { event } = await by.waitForAnswer(room, matrixAgent, ({ content }) => says(content["body"]));
      return event;
    },
    said: async (room, by = owner) =>
      (await by.answers(room, matrixAgent)).map(({ content }) => String(content["body"])),
    async gauge() {
      const text = await (await fetch(`${gateway.privateUrl}/metrics`)).text();
      return Number(/^openclaw_matrix_agent_ok\{agent="ops"\} (\d)$/m.exec(text)?.[1]);
    },
    async failures(outcome) {
      const text = await (await fetch(`${gateway.privateUrl}/metrics`)).text();
      const line = new RegExp(
        `^openclaw_matrix_decrypt_failures_total\\{agent="ops",outcome="${outcome}"\\} (\\d+)$`,
        "m",
      );
      return Number(line.exec(text)?.[1]);
    },
    async inbox(event) {
      const rows = await gateway.sql<{ source: string; kind: string; state: string; reason: string | null }[]>`
        select source, kind, state, reason from inbox where source like ${`matrix:${event}:%`} order by id`;
      return [...rows];
    },
    async age(event, seconds) {
      await gateway.sql`update inbox set received_at = received_at - ${seconds}::int * interval '1 second'
        where source like ${`matrix:${event}:%`} and kind = 'encrypted' and state = 'new'`;
    },
    reconfigure(matrix) {
      const plain = withoutMatrix(stage.toml);
      gateway.rewrite(encryptedConfig(plain, homeserver.url, matrix));
      gateway.holder.reload();
    },
    asked: () =>
      stage.model.requests.map(({ body }) => bare(lastUser(body["messages"] as ScriptedRequest["messages"]))),
    async stop() {
      for (const each of people) await each.close();
      await homeserver.close();
      await stage.stop();
    },
  };
}

/** The outbox of a room, in order. */
export const outboxOf = (
  { stage }: Pick<EncryptedStage, "stage">,
  room: string,
): Promise<{ key: string; state: string; reason: string | null; attempts: number }[]> =>
  stage.gateway.sql<{ key: string; state: string; reason: string | null; attempts: number }[]>`
    select key, state, reason, attempts from outbox where lane = ${matrixLane(matrixAgent, room)} order by id`;
