/**
 * Child: an instant model and a Bot API, as lean as can be, and the tests' homeserver. Tells whoever connects to its
 * notice port when a message was sent: a line of JSON each.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chatChunks } from "../support/model-wire.ts";
import type { EncryptedPerson } from "../support/encrypted-person.ts";
import { type StandInEvent, startHomeserver, type StandInHomeserver } from "../support/homeserver.ts";
import { callName } from "./matrix-calls.ts";
import { serveCalls, sharedClock } from "./child.ts";
import type { Addresses, EncryptedTurnTimes, Notice, StandInCalls } from "./protocol.ts";
import { botUrl, matrixTokens } from "./settings.ts";

const answer = chatChunks({ text: "Hello! What can I do for you?" }, { n: 1, model: "stand-in", withUsage: true });
const answerBody = answer.join("");

let hanging = false;
let modelCalls = 0;
/** Spent between a request's arrival and its answer's end, since the last notice. */
let modelMs = 0;
let lastRequest = "";
let lastMessage = 0;
const listeners = new Set<Socket>();

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

async function model(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const began = sharedClock();
  lastRequest = await read(request);
  modelCalls += 1;
  if (hanging) return;
  response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": `req_${modelCalls}` });
  response.end(answerBody, () => (modelMs += sharedClock() - began));
}

function notify(chat: number | string, at: number): void {
  const notice: Notice = { chat, at, modelMs };
  modelMs = 0;
  for (const socket of listeners) socket.write(`${JSON.stringify(notice)}\n`);
}

const webhook = { has_custom_certificate: false, pending_update_count: 0 };

async function botApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const at = sharedClock();
  const [, token = "", method = ""] = /^\/bot([^/]+)\/(\w+)/.exec(request.url ?? "") ?? [];
  const payload = (await read(request)) || "{}";
  const { chat_id: chat = 0, text = "" } = JSON.parse(payload) as { chat_id?: number; text?: string };
  const results: Record<string, object> = {
    sendMessage: { message_id: ++lastMessage, date: 1_780_000_000, chat: { id: chat, type: "private" }, text },
    getMe: { id: Number(token.split(":")[0]), is_bot: true, first_name: "Stand-in", username: "claw_bench_bot" },
    getWebhookInfo: { url: botUrl, ...webhook },
  };
  const body = JSON.stringify({ ok: true, result: results[method] ?? true });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
  if (method === "sendMessage") notify(chat, at);
}

const portOf = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));

const serving = (handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<number> =>
  portOf(
    createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      handle(request, response).catch(() => response.destroy());
    }),
  );

/** As between turns on Telegram: the run before must have ended. */
const pauseMs = 5;

let homeserver: StandInHomeserver | undefined;

async function open(): Promise<Addresses> {
  const notices = createSocketServer({ noDelay: true }, (socket) => {
    listeners.add(socket);
    socket.on("close", () => listeners.delete(socket));
    socket.on("error", () => listeners.delete(socket));
  });
  return {
    model: `http://127.0.0.1:${await serving(model)}/v1`,
    botApi: `http://127.0.0.1:${await serving(botApi)}`,
    notices: await portOf(notices),
  };
}

function known(): StandInHomeserver {
  if (!homeserver) throw new Error("newHomeserver() comes first");
  return homeserver;
}

async function newHomeserver(): Promise<string> {
  await person?.then((each) => each.close());
  person = undefined;
  await homeserver?.close();
  seenAnswers.clear();
  homeserver = await startHomeserver(matrixTokens);
  return homeserver.url;
}

const seenAnswers = new Set<string>();

/** One message after the other in one room; each from the push to the arrival of the answer, the model's time taken off. */
async function matrixTurns({ room, sender, count }: Parameters<StandInCalls["matrixTurns"]>[0]): Promise<number[]> {
  const server = known();
  const times: number[] = [];
  while (times.length < count) {
    modelMs = 0;
    const began = sharedClock();
    const arrived = server
      .waitFor(
        ({ event_id, type, room_id, txnId }) =>
          txnId !== undefined && type === "m.room.message" && room_id === room && !seenAnswers.has(event_id),
      )
      .then((event) => {
        times.push(sharedClock() - began - modelMs);
        seenAnswers.add(event.event_id);
      });
    await Promise.all([server.say(room, sender, "hi"), arrived]);
    await sleep(pauseMs);
  }
  return times;
}

/** The person on the homeserver with an encrypting client; of all senders there is one. */
let person: Promise<EncryptedPerson> | undefined;

async function personOf(sender: string): Promise<EncryptedPerson> {
  const { startEncryptedPerson } = await import("../support/encrypted-person.ts");
  return (person ??= startEncryptedPerson(known(), sender));
}

/** The next answer in the room, with the moment at which it came. */
function nextSecret(room: string): Promise<{ event: StandInEvent; at: number }> {
  return known()
    .waitFor(
      ({ event_id, type, room_id, txnId }) =>
        txnId !== undefined && type === "m.room.encrypted" && room_id === room && !seenAnswers.has(event_id),
      30_000,
    )
    .then((event) => {
      seenAnswers.add(event.event_id);
      return { event, at: sharedClock() };
    });
}

async function encryptedTurns(plan: Parameters<StandInCalls["encryptedTurns"]>[0]): Promise<EncryptedTurnTimes> {
  const { room, sender, count } = plan;
  const server = known();
  const speaker = await personOf(sender);
  const round: number[] = [];
  const gateway: number[] = [];
  const firstCall = server.calls.length;
  const spoken = new Set(server.events.map(({ event_id }) => event_id));
  while (round.length < count) {
    modelMs = 0;
    const began = sharedClock();
    const posted = server
      .waitFor((event) => event.sender === sender && event.room_id === room && !spoken.has(event.event_id))
      .then((event) => {
        spoken.add(event.event_id);
        return sharedClock();
      });
    const [postedAt, { event, at }] = await Promise.all([posted, nextSecret(room), speaker.say(room, "hi")]);
    const { content } = await speaker.read(event);
    round.push(sharedClock() - began - modelMs);
    gateway.push(at - postedAt - modelMs);
    if (typeof content["body"] !== "string") throw new Error("the answer has no body");
    await sleep(pauseMs);
  }
  const calls: Record<string, number> = {};
  for (const { method, path } of server.calls.slice(firstCall)) {
    const name = callName(method, path);
    calls[name] = (calls[name] ?? 0) + 1;
  }
  return { round, gateway, calls };
}

async function sayInAll({ rooms, sender }: Parameters<StandInCalls["sayInAll"]>[0]): Promise<void> {
  const speaker = await personOf(sender);
  for (const each of rooms) await Promise.all(each.flatMap((room) => [speaker.say(room, "hi"), nextSecret(room)]));
}

serveCalls<StandInCalls>({
  open,
  hang: (on) => void (hanging = on),
  modelCalls: () => modelCalls,
  lastRequest: () => lastRequest,
  modelMs: () => {
    const spent = modelMs;
    modelMs = 0;
    return spent;
  },
  newHomeserver,
  addRoom: (room) => known().createRoom(room),
  connectHomeserver: (gateway) => homeserver?.connect(gateway ?? undefined),
  matrixTurns,
  encryptedTurns,
  sayInAll,
});
