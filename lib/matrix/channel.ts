import { isFileBody, toFileBody } from "../channel/file-body.ts";
import type { Channel, Destination, SendOutcome } from "../channel/types.ts";
import { ClawError, messageOf } from "../errors.ts";
import type { MatrixEvents } from "../ledger/matrix-events.ts";
import type { Log } from "../log.ts";
import type { MatrixClient } from "./client.ts";
import { ElsewhereError, type MatrixCrypto, NotReadyError } from "./crypto/crypto.ts";
import { decryptFile } from "./encrypted-file.ts";
import { hasErrcode, MatrixError } from "./error.ts";
import { agentOf } from "./ids.ts";
import { bodiesOf, isReactionBody, matrixBody, type MatrixReactionBody, relationOf } from "./message-body.ts";
import { requireMxc } from "./mxc.ts";
import { createMatrixPresence } from "./presence.ts";
import { OncePer } from "../rate-limit.ts";
import { no, yes } from "./reaction.ts";
import { type SendDeps, sendReaction, sendToRoom } from "./send.ts";
import { fileContent, type MatrixFileBody } from "./upload.ts";

/** What the channel is made of. */
export interface MatrixChannelDeps extends SendDeps {
  readonly client: MatrixClient;
  readonly crypto: SendDeps["crypto"] & Pick<MatrixCrypto, "handOver">;
  readonly events: Pick<MatrixEvents, "sentAs">;
  readonly log: Log;
}

type MatrixDestination = Extract<Destination, { channel: "matrix" }>;

const retryMs = 2_000;
const notReadyMs = 500;
const tokenTroubleMs = 30_000;

/** Matrix as the conversation and the outbox see it. */
export function createMatrixChannel(deps: MatrixChannelDeps): Channel {
  const { config, client, events, log } = deps;
  const lines = new OncePer(60_000);
  /** In a direct chat it is plain what an answer is about. */
  const isShared = ({ user, room }: MatrixDestination): boolean =>
    agentOf(config(), user)?.matrix?.rooms.includes(room) === true;

  /** What is sent: a text as it was made, a file once it is uploaded, for an encrypted room as such. */
  const contentOf = async (user: string, body: unknown, encrypted: boolean, signal: AbortSignal): Promise<object> =>
    isFileBody(body) ? fileContent(client, user, body, encrypted, signal) : matrixBody(body);

  return {
    name: "matrix",
    idempotentSend: true,

    render(markdown, destination, links) {
      const to = matrixOnly(destination);
      const shared = isShared(to);
      return bodiesOf(markdown, (index) => relationOf(to, shared && index === 0), links);
    },

    renderQuestion(markdown, destination, { key }, links) {
      const reactions = [yes, no].map((react) => ({ react, to: `${key}:0` }) as MatrixReactionBody);
      return [...this.render(markdown, destination, links), ...reactions];
    },

    renderFile(file, destination, links): MatrixFileBody {
      const to = matrixOnly(destination);
      const related = relationOf(to, isShared(to));
      return { ...toFileBody(file, links), ...(related && { "m.relates_to": related }) };
    },

    async send(message, signal) {
      try {
        const { user, room } = matrixOnly(message.destination);
        const { key, ciphertext, body } = message;
        if (isReactionBody(body)) {
          const to = await events.sentAs(body.to);
          if (to === undefined) return { state: "failed", reason: "what it is a reaction to was not sent" };
          return {
            state: "sent",
            remoteId: await sendReaction(deps, { user, room, key, to, reaction: body.react }, signal),
          };
        }
        const content = (encrypted: boolean): Promise<object> => contentOf(user, body, encrypted, signal);
        const sent = await sendToRoom(deps, { user, room, key, content, ciphertext }, signal);
        return { state: "sent", remoteId: sent };
      } catch (thrown) {
        // Deleted, or a first start that has not come to it yet: made, and the send tried again.
        if (hasErrcode(thrown, "M_UNKNOWN_DEVICE")) return deviceMissing(client, message.destination, signal);
        if (thrown instanceof ElsewhereError) return { state: "elsewhere" };
        if (thrown instanceof NotReadyError) return { state: "retry", afterMs: notReadyMs, reason: thrown.message };
        if (!(thrown instanceof MatrixError) && lines.allows(messageOf(thrown)))
          log.error({ err: thrown }, "matrix: an answer could not be sent");
        return outcomeOf(thrown);
      }
    },

    handOver: (lane, destination) => deps.crypto.handOver(matrixOnly(destination).user, lane),

    present: (destination) => createMatrixPresence(deps, matrixOnly(destination)),

    async fetchAttachment(attachment, destination, limit, signal) {
      const bytes = await client.download(matrixOnly(destination).user, requireMxc(attachment.ref), limit, signal);
      return attachment.encryption ? decryptFile(bytes, attachment.encryption) : bytes;
    },
  };
}

async function deviceMissing(
  client: Pick<MatrixClient, "ensureDevice">,
  destination: Destination,
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    await client.ensureDevice(matrixOnly(destination).user, signal);
    return { state: "retry", afterMs: 0, reason: "the agent's device was missing and has been made" };
  } catch (thrown) {
    return { state: "retry", afterMs: retryMs, reason: messageOf(thrown) };
  }
}

/** Sending again is safe: the transaction id is the same. So whatever may pass is tried again. */
function outcomeOf(thrown: unknown): SendOutcome {
  const reason = messageOf(thrown);
  if (!(thrown instanceof MatrixError))
    return thrown instanceof ClawError
      ? { state: "failed", reason }
      : { state: "retry", afterMs: retryMs, reason: "the send could not be begun" };
  if (thrown.httpStatus === 401) return { state: "retry", afterMs: tokenTroubleMs, reason };
  if (thrown.transient) return { state: "retry", afterMs: Math.max(thrown.retryAfterMs ?? retryMs, 0), reason };
  return { state: "failed", reason };
}

function matrixOnly(destination: Destination): MatrixDestination {
  if (destination.channel === "matrix") return destination;
  throw new ClawError("channel_failed", "the destination is not on Matrix");
}
