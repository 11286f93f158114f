/**
 * Child: an instant model and a Bot API, as lean as can be, and the tests' homeserver. Tells whoever connects to its
 * notice port when a message was sent: a line of JSON each.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chatChunks } from "../support/model-wire.ts";
import { startHomeserver, type StandInHomeserver } from "../support/homeserver.ts";
import { serveCalls, sharedClock } from "./child.ts";
import type { Addresses, Notice, StandInCalls } from "./protocol.ts";
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
  homeserver = await startHomeserver(matrixTokens);
  const notices = createSocketServer({ noDelay: true }, (socket) => {
    listeners.add(socket);
    socket.on("close", () => listeners.delete(socket));
    socket.on("error", () => listeners.delete(socket));
  });
  return {
    model: `http://127.0.0.1:${await serving(model)}/v1`,
    botApi: `http://127.0.0.1:${await serving(botApi)}`,
    homeserver: homeserver.url,
    notices: await portOf(notices),
  };
}

function known(): StandInHomeserver {
  if (!homeserver) throw new Error("open() comes first");
  return homeserver;
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

serveCalls<StandInCalls>({
  open,
  hang: (on) => void (hanging = on),
  modelCalls: () => modelCalls,
  lastRequest: () => lastRequest,
  addRoom: ({ id, members }) => known().createRoom({ id, members }),
  connectHomeserver: (gateway) => known().connect(gateway ?? undefined),
  matrixTurns,
});
