/** One line of a person, pushed as Telegram would push it, and what came of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { privateText } from "../support/telegram-updates.ts";
import { people, type Person } from "./settings.ts";
import type { Stage } from "./stage.ts";

/** What the ledgers hold of one line. */
export interface Outcome {
  /** What the stand-in Bot API was told to show the person, in order. */
  readonly replies: readonly string[];
  readonly inbox: {
    readonly id: number;
    readonly state: string;
    readonly kind: string;
    readonly reason: string | null;
  };
  readonly outbox: readonly { readonly id: number; readonly state: string; readonly attempts: number }[];
  readonly runId: string | null;
}

/** A real model may think as long as a run may last. */
const patienceMs = 330_000;
/** A stranger is told once an hour; how long the demo waits for that. */
const denialMs = 1_500;

/** Pushes a line to the webhook and waits until the ledgers are at rest. Throws where they are not in time. */
export async function say(stage: Stage, person: Person, text: string): Promise<Outcome> {
  const { sql, botApi } = stage;
  const chat = people[person];
  const lane = `telegram:demo:${chat}`;
  const before = new Set(botApi.sent(chat).map(({ message_id }) => message_id));
  const [{ last = 0 } = {}] = await sql<{ last: number }[]>`select coalesce(max(id), 0) as last from outbox`;

  const update = privateText(chat, text);
  const pushed = await botApi.push(stage.webhook, stage.webhookSecret, update);
  if (pushed.status !== 200) throw new Error(`the webhook answered ${pushed.status}`);

  const began = performance.now();
  for (;;) {
    const waited = performance.now() - began;
    const [inbox] = await sql<(Outcome["inbox"] & { run_id: string | null })[]>`
      select id, state, kind, reason, run_id from inbox where source = ${`telegram:demo:${update.update_id}`}`;
    const outbox = await sql<Outcome["outbox"][number][]>`
      select id, state, attempts from outbox where lane = ${lane} and id > ${last} order by id`;
    const open = outbox.some(({ state }) => state === "pending" || state === "sending");
    const silent = inbox?.state === "denied" && outbox.length === 0 && waited < denialMs;
    if (inbox && inbox.state !== "new" && inbox.state !== "running" && !open && !silent) {
      const replies = botApi.sent(chat).filter(({ message_id }) => !before.has(message_id));
      return { replies: replies.map((message) => message.text), inbox, outbox, runId: inbox.run_id };
    }
    if (waited > patienceMs) throw new Error(`no answer within ${patienceMs / 1000} s`);
    await sleep(10);
  }
}
