/** The shipped gateway on a real Synapse, with a model that repeats what it is told, for people whose clients encrypt. */
import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MatrixEvent } from "matrix-js-sdk";
import { connect, type Sql } from "../../../lib/db/client.ts";
import { newKey } from "../../../lib/seal.ts";
import { createTestDatabase } from "../../support/database.ts";
import {
  type Answer,
  type ModelServer,
  type Script,
  type ScriptedRequest,
  startModelServer,
} from "../../support/model-server.ts";
import { startBalancer } from "./balancer.ts";
import { freePort } from "../../support/free-port.ts";
import { type EncryptedPerson, type EncryptedPersonOptions, startEncryptedPerson } from "./encrypted-person.ts";
import { poll } from "./poll.ts";
import { claw, type ShippedGateway, startShipped } from "./shipped.ts";
import { startSynapse, type Synapse } from "./synapse.ts";

/** The agents: Ops and Helper take the defaults, Open believes and is read by clients that cannot cross-sign. */
export const ops = "@agent_ops:home.test";
export const helper = "@agent_helper:home.test";
export const open = "@agent_open:home.test";

/** A gateway's process by its place: where it listens, and its own log. */
export type Place = "one" | "two";

/** What a test does with it. */
export interface EncryptedStage {
  readonly synapse: Synapse;
  readonly model: ModelServer;
  readonly sql: Sql;
  /** Rooms that the config names for Ops; taken over at the next start. */
  readonly rooms: string[];
  /** Starts the process and returns when it is ready in every part, encryption included. */
  start(place?: Place): Promise<ShippedGateway>;
  /** Starts the process and returns when it listens. */
  launch(place?: Place): Promise<ShippedGateway>;
  /** Waits until /readyz says that all is well; returns what it says. */
  ready(place?: Place): Promise<Record<string, { ok: boolean; reason: string }>>;
  log(place?: Place): string;
  /** Runs a command with the environment of the first place. */
  claw(...argv: string[]): ReturnType<typeof claw>;
  /** A person of the config's owners. */
  person(name: string, options?: EncryptedPersonOptions): Promise<EncryptedPerson>;
  /** Stops with the stage. */
  keep<Peer extends { stop(): unknown }>(peer: Peer): Peer;
  stop(): Promise<void>;
}

/** What a stage may be given. */
export interface EncryptedStageOptions {
  flags?: boolean;
  /** A balancer before both places. */
  replicas?: boolean;
  /** An empty database of the test's own. */
  databaseUrl?: string;
  script?: Script;
  /** Further secrets. */
  environment?: Record<string, string>;
  /** The last word on the config; asked at each start. */
  config?: (toml: string) => string;
}

const owners = ["ada", "bob", "carl", "dora", "nora"];

/** Says what it was told last. */
export function repeat({ messages }: ScriptedRequest): Answer {
  const { content } = messages.findLast(({ role }) => role === "user") ?? {};
  const parts = Array.isArray(content) ? (content as { text?: string }[]) : [{ text: String(content) }];
  return { text: `You said: ${parts.flatMap(({ text }) => text ?? []).join(" ")}` };
}

/** Starts everything but the gateway. With OPENCLAW_LIVE_LOGS, its logs, config and keys are copied into that folder. */
export async function startEncryptedStage(options: EncryptedStageOptions = {}): Promise<EncryptedStage> {
  const {
    flags = false,
    replicas = false,
    databaseUrl,
    script = repeat,
    environment: more = {},
    config = String,
  } = options;
  const directory = mkdtempSync(join(tmpdir(), "openclaw-live-"));
  const file = (name: string): string => join(directory, name);
  const peers: { stop(): unknown }[] = [];
  const keep: EncryptedStage["keep"] = (peer) => {
    peers.unshift(peer);
    return peer;
  };
  let synapseLogs = (): string => "";
  const stop = async (): Promise<void> => {
    // The people and gateways first, then what they use.
    for (const peer of peers) await peer.stop();
    const kept = process.env["OPENCLAW_LIVE_LOGS"];
    if (kept !== undefined) {
      writeFileSync(file("synapse.log"), synapseLogs());
      cpSync(directory, mkdtempSync(join(kept, "stage-")), { recursive: true });
    }
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    return await build();
  } catch (error) {
    await stop();
    throw error;
  }

  async function build(): Promise<EncryptedStage> {
    const ports = { one: [await freePort(), await freePort()], two: [await freePort(), await freePort()] };
    const outer = (place: Place): number => ports[place][0] ?? 0;
    const inner = (place: Place): number => ports[place][1] ?? 0;
    const { url, sql } = await database();
    const model = keep(await startModelServer(script));
    const front = replicas ? keep(await startBalancer([outer("one"), outer("two")])).port : outer("one");
    const common = { OPENCLAW_KEY: newKey(), DATABASE_URL: url };
    const tokens = await register(common, `http://127.0.0.1:${front}`);
    if (flags) appendFileSync(file("appservice.yaml"), "org.matrix.msc3202: true\n");
    const synapse = keep(await startSynapse({ registration: file("appservice.yaml"), flags }));
    synapseLogs = () => synapse.logs();
    writeFileSync(file("prompt.md"), "You help with the homelab.\n");
    const rooms: string[] = [];

    const environment = (place: Place): Record<string, string> => ({
      ...{ ...common, ...tokens, ...more },
      OPENCLAW_CONFIG: file(`${place}.toml`),
    });
    const launch = async (place: Place = "one"): Promise<ShippedGateway> => {
      writeFileSync(file(`${place}.toml`), config(toml(place)));
      return keep(await startShipped(environment(place), file(`${place}.log`)));
    };
    const ready: EncryptedStage["ready"] = async (place = "one") => {
      let last = "";
      try {
        return await poll("the gateway to be ready", async () => {
          const response = await fetch(`http://127.0.0.1:${inner(place)}/readyz`);
          last = await response.text();
          return response.ok ? (JSON.parse(last) as Record<string, { ok: boolean; reason: string }>) : undefined;
        });
      } catch (cause) {
        throw new Error(`${place} is not ready: ${last}`, { cause });
      }
    };
    const toml = (place: Place): string => `
[listen]
public = "127.0.0.1:${outer(place)}"
private = "127.0.0.1:${inner(place)}"
[matrix]
homeserver = "${synapse.url}"
server_name = "home.test"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
[backends.main]
base_url = "${model.url}"
model = "scripted"
images = true
[rate]
principal_per_minute = 1000
room_per_minute = 1000
principal_runs = 100

[groups.owners]
members = [${owners.map((name) => `"matrix:@${name}:home.test"`).join(", ")}]
agents = ["*"]
tools = ["*"]
[agents.ops]
description = "Watches the homelab"
backend = "main"
prompt = "prompt.md"
tools = ["files_send"]
# The room has images in it: what comes after them is tainted.
when_tainted = { act = "allow" }
matrix = { localpart = "agent_ops", rooms = ${JSON.stringify(rooms)}, answer = "always" }
[agents.helper]
description = "Helps"
backend = "main"
prompt = "prompt.md"
matrix = { localpart = "agent_helper" }
[agents.open]
description = "Talks to any client"
backend = "main"
prompt = "prompt.md"
matrix = { localpart = "agent_open", sender_trust = "any", share_keys_with = "all" }
`;
    return {
      synapse,
      model,
      sql,
      rooms,
      launch,
      ready,
      keep,
      stop,
      async start(place = "one") {
        const gateway = await launch(place);
        await ready(place);
        return gateway;
      },
      claw: (...argv) => claw(environment("one"), ...argv),
      log: (place = "one") => readFileSync(file(`${place}.log`), "utf8"),
      async person(name, personOptions = {}) {
        assert.ok(owners.includes(name), `${name} is none of the owners`);
        return keep(
          await startEncryptedPerson(synapse.url, await synapse.registerUser(name, "secret"), {
            signedDevicesOnly: true,
            ...personOptions,
          }),
        );
      },
    };
  }

  async function database(): Promise<{ url: string; sql: Sql }> {
    if (databaseUrl === undefined) {
      const made = await createTestDatabase();
      keep({ stop: () => made.drop() });
      return made;
    }
    const sql = connect(databaseUrl, { max: 2 });
    keep({ stop: () => sql.end({ timeout: 2 }) });
    return { url: databaseUrl, sql };
  }

  async function register(environment: Record<string, string>, url: string): Promise<Record<string, string>> {
    const names = ["--server-name", "home.test", "--url", url];
    const files = ["--out", file("appservice.yaml"), "--env", file("tokens.env")];
    const { code, output } = await claw(environment, "matrix", "register", ...names, ...files);
    assert.equal(code, 0, output);
    const lines = readFileSync(file("tokens.env"), "utf8").trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
  }
}

/** A direct chat, encrypted, that the agent has joined. */
export async function directChat(
  person: EncryptedPerson,
  agent: string,
  options: { rotationMessages?: number } = {},
): Promise<string> {
  const room = await person.createEncryptedRoom({ invite: [agent], isDirect: true, ...options });
  await untilJoined(person, room, agent);
  return room;
}

/** Waits until this person sees that one in the room. */
export function untilJoined(person: EncryptedPerson, room: string, userId: string): Promise<void> {
  return person.until(room, `${userId} to join`, (found) => found.getMember(userId)?.membership === "join");
}

/** The first message of the agent that has this text in it, past or future, as this person's client decrypted it. */
export function answerWith(person: EncryptedPerson, room: string, agent: string, text: string): Promise<MatrixEvent> {
  return person.event(
    room,
    `${agent} to say something with "${text}"`,
    (event) => event.getSender() === agent && event.getType() === "m.room.message" && bodyOf(event).includes(text),
  );
}

/** An event's text. */
export const bodyOf = (event: MatrixEvent): string => String(event.getContent().body);

/** How often each of these texts stands in what the agent said. */
export function timesSaid(person: EncryptedPerson, room: string, agent: string, texts: readonly string[]): number[] {
  const said = person.messagesOf(room, agent).map(bodyOf);
  return texts.map((text) =>
    said.reduce((count, body) => count + body.split(new RegExp(`\\b${text}\\b`)).length - 1, 0),
  );
}
