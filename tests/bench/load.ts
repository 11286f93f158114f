/** Child: the load generator. */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { serveCalls, sharedClock } from "./child.ts";
import { Connection, requestHead } from "./connection.ts";
import type { Ingested, IngestPlan, LoadCalls, Notice, TurnPlan, TurnTimes } from "./protocol.ts";
import { matrixPerson, matrixTokens, roomOf, webhookSecret } from "./settings.ts";

const turnTimeoutMs = 30_000;
let lastId = Date.now() % 1_000_000_000;

const telegramHead = requestHead("POST", "/telegram/main", { "x-telegram-bot-api-secret-token": webhookSecret });

function telegramBody(person: number, text: string): string {
  const id = ++lastId;
  return `{"update_id":${id},"message":{"message_id":${id},"date":1780000000,"from":{"id":${person},"is_bot":false,"first_name":"Ada","language_code":"en"},"chat":{"id":${person},"type":"private","first_name":"Ada"},"text":${JSON.stringify(text)}}}`;
}

/** A transaction of one event, as Synapse writes it. */
function matrixBody(id: number, text: string): string {
  return JSON.stringify({
    events: [
      {
        type: "m.room.message",
        room_id: roomOf("ops"),
        sender: matrixPerson,
        content: { msgtype: "m.text", body: text, "m.mentions": {} },
        origin_server_ts: 1_780_000_000_000 + id,
        unsigned: { age: 12 },
        event_id: `$bench${id}_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`,
        user_id: matrixPerson,
        age: 12,
      },
    ],
  });
}

async function turns({ port, notices, people, count, pauseMs }: TurnPlan): Promise<TurnTimes> {
  const answers = new Map<number, (notice: Notice) => void>();
  const socket = connect({ host: "127.0.0.1", port: notices, noDelay: true });
  const lines = createInterface({ input: socket });
  lines.on("line", (line) => {
    const notice = JSON.parse(line) as Notice;
    answers.get(Number(notice.chat))?.(notice);
  });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));

  const each: number[] = [];
  let begun = 0;
  const oneByOne = people.length === 1;
  const chat = async (person: number): Promise<void> => {
    const connection = await Connection.open(port);
    try {
      while (begun++ < count) {
        const answered = new Promise<Notice>((resolve, reject) => {
          const timer = setTimeout(
            () => reject(new Error(`chat ${person} got no answer within ${turnTimeoutMs} ms`)),
            turnTimeoutMs,
          );
          answers.set(person, (notice) => {
            clearTimeout(timer);
            resolve(notice);
          });
        });
        const began = sharedClock();
        const [status, { at, modelMs }] = await Promise.all([
          connection.ask(telegramHead, telegramBody(person, "hi")),
          answered,
        ]);
        if (status !== 200) throw new Error(`the webhook answered ${status}`);
        each.push(at - began - (oneByOne ? modelMs : 0));
        if (pauseMs > 0) await sleep(pauseMs);
      }
    } finally {
      connection.close();
    }
  };
  const began = sharedClock();
  try {
    await Promise.all(people.map(chat));
  } finally {
    lines.close();
    socket.destroy();
  }
  return { ms: sharedClock() - began, each };
}

async function ingest({ port, kind, connections, ms, people }: IngestPlan): Promise<Ingested> {
  const text = "Could you remind me to call the plumber about the kitchen tomorrow at nine?";
  let acknowledged = 0;
  let refused = 0;
  let end = Number.POSITIVE_INFINITY;
  const next = (): [head: string, body: string] => {
    const person = people[lastId % people.length] ?? 0;
    if (kind === "telegram") return [telegramHead, telegramBody(person, text)];
    if (kind === "bare") return [requestHead("POST", `/in/${lastId + 1}`, {}), telegramBody(person, text)];
    const id = ++lastId;
    const authorization = `Bearer ${matrixTokens.hsToken}`;
    return [requestHead("PUT", `/_matrix/app/v1/transactions/${id}`, { authorization }), matrixBody(id, text)];
  };
  const worker = async (): Promise<void> => {
    const connection = await Connection.open(port);
    try {
      while (sharedClock() < end)
        if ((await connection.ask(...next())) === 200) acknowledged += 1;
        else refused += 1;
    } finally {
      connection.close();
    }
  };
  const began = sharedClock();
  end = began + ms;
  await Promise.all(Array.from({ length: connections }, worker));
  return { acknowledged, refused, ms: sharedClock() - began };
}

serveCalls<LoadCalls>({ turns, ingest });
