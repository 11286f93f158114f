import { randomUUID } from "node:crypto";
import { createPresence, globalTimers, type Timers } from "../channel/presence.ts";
import type { Destination, Presence } from "../channel/types.ts";
import type { MatrixClient } from "./client.ts";
import { type MatrixBody, relationOf } from "./message-body.ts";
import { type SendDeps, sendToRoom, txnIdOf, withoutPreviews } from "./send.ts";

/** What showing presence needs. */
export interface PresenceDeps extends SendDeps {
  readonly client: Pick<MatrixClient, "getState" | "typing" | "receipt" | "redact">;
  /** For a test's own time. */
  readonly timers?: Timers;
}

const typingMs = 30_000;
const refreshMs = 20_000;
const readAfterMs = 200;

/** Read receipt, typing and the progress line: a notice, edited in place and redacted at the end. */
export function createMatrixPresence(
  deps: PresenceDeps,
  destination: Extract<Destination, { channel: "matrix" }>,
): Presence {
  const { client } = deps;
  const { user, room, thread, replyTo } = destination;
  const relation = relationOf(destination, false);
  // Of this process alone: the line belongs to the work under way, not to the outbox.
  const nonce = randomUUID();
  let sent = 0;
  const send = (content: object): Promise<string> => {
    sent += 1;
    return sendToRoom(deps, { user, room, key: `progress:${nonce}:${sent}`, content: async () => content });
  };

  // With the typing, or else after an answer that was quicker than that: the homeserver has an answer to be sent to deal with.
  let read = false;
  const markRead = async (): Promise<void> => {
    if (read || replyTo === undefined) return;
    read = true;
    await client.receipt(user, room, replyTo, thread).catch(() => {});
  };

  const presence = createPresence<string>({
    refreshMs,
    ...(deps.timers && { timers: deps.timers }),
    typing: async () => {
      void markRead();
      await client.typing(user, room, typingMs);
    },
    stopTyping: () => client.typing(user, room, 0),
    ...(deps.config().matrix?.progress && {
      show: (line: string) => send({ ...notice(line), ...(relation && { "m.relates_to": relation }) }),
      edit: (id: string, line: string) =>
        send({
          ...notice(`* ${line}`),
          "m.new_content": { ...notice(line), ...withoutPreviews },
          "m.relates_to": { rel_type: "m.replace", event_id: id },
        }),
      remove: (id: string) => client.redact(user, room, id, txnIdOf(`progress:${nonce}:end`)),
    }),
  });
  return {
    progress: (line) => presence.progress(line),
    async end() {
      await presence.end();
      if (!read) (deps.timers ?? globalTimers).set(() => void markRead(), readAfterMs);
    },
  };
}

const notice = (body: string): MatrixBody => ({ msgtype: "m.notice", body, "m.mentions": {} });
