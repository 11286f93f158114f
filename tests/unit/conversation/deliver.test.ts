import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel, SendOutcome } from "../../../lib/channel/types.ts";
import { deliver, type DeliverDeps } from "../../../lib/conversation/deliver.ts";
import type { ClaimedMessage, Outbox } from "../../../lib/ledger/outbox.ts";
import { createMetrics } from "../../../lib/metrics.ts";
import { memoryLog } from "../matrix/support.ts";

const message: ClaimedMessage = {
  id: 7,
  key: "run:0",
  destination: { channel: "matrix", user: "@a:b", room: "!r" },
  body: {},
  attempts: 1,
  ageMs: 0,
};

/** One message, sent with an outcome, over an outbox that fails to note it some times. */
async function delivered(outcome: SendOutcome, failures: number): Promise<{ noted: string[]; sends: number }> {
  const noted: string[] = [];
  let [sends, left] = [0, failures];
  const note = async (what: string): Promise<void> => {
    if (left-- > 0) throw new Error("the database is away");
    noted.push(what);
  };
  const outbox: Outbox = {
    add: async () => {},
    claim: async () => undefined,
    sent: async (id, _lane, remoteId) => note(`sent ${id} ${remoteId}`).then(() => false),
    postpone: (id) => note(`postpone ${id}`),
    release: (id) => note(`release ${id}`),
    giveUp: (id, state) => note(`${state} ${id}`),
  };
  const channel = {
    name: "matrix",
    idempotentSend: true,
    send: async () => {
      sends += 1;
      return outcome;
    },
    handOver: async (lane: string) => void noted.push(`over ${lane}`),
  } as unknown as Channel;
  const deps: DeliverDeps = {
    outbox,
    channels: { matrix: channel, telegram: channel },
    worker: "w",
    report: async ({ key, about }) => void noted.push(`report ${key} ${about}`),
    metrics: createMetrics(),
    log: memoryLog().log,
  };
  await deliver(deps, "lane", new AbortController().signal, message);
  return { noted, sends };
}

test("the outcome of a send is noted when the database is back, and the message not sent again for that", async () => {
  const outcome = { state: "sent", remoteId: "$e" } as const;
  assert.deepEqual(await delivered(outcome, 2), { noted: ["sent 7 $e"], sends: 1 });
});

test("a message that another process can send is given back first, then told of", async () => {
  assert.deepEqual(await delivered({ state: "elsewhere" }, 1), { noted: ["release 7", "over lane"], sends: 1 });
});

test("a message that is given up is told to the operator, once it is noted", async () => {
  assert.deepEqual(await delivered({ state: "failed", reason: "no" }, 1), {
    noted: ["failed 7", "report undelivered:run:0 lane"],
    sends: 1,
  });
  assert.deepEqual((await delivered({ state: "unknown", reason: "lost" }, 0)).noted, [
    "unknown 7",
    "report undelivered:run:0 lane",
  ]);
});
