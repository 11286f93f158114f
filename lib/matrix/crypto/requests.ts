/** The machine's outgoing requests: sent as the agent's device, and reported back to the machine. */
import type { OutgoingRequest, RoomMessageRequest } from "@matrix-org/matrix-sdk-crypto-wasm";
import { ClawError } from "../../errors.ts";
import { fetchMatrix, path } from "../call.ts";
import type { CryptoMember } from "./member.ts";

const client = "/_matrix/client/v3";

/** A request that is not a message to a room: those are sent by send.ts alone. */
export type KeyRequest = Exclude<OutgoingRequest, RoomMessageRequest>;

/** Calls the homeserver as the agent's device; the answer's text. */
export async function callAsDevice(
  member: CryptoMember,
  method: string,
  callPath: string,
  body?: object,
  query?: URLSearchParams,
): Promise<string> {
  const options = {
    user: member.user,
    device: member.machine.deviceId,
    signal: member.signal,
    ...(body && { body }),
    query,
  };
  return (await fetchMatrix(member.config(), method, callPath, options)).toString("utf8");
}

/**
 * Sends one request and marks it as sent. What the request says (a fresh ratchet, say) was committed by the unit that
 * returned it. Throws MatrixError; the machine then gives it out again.
 */
export async function sendKeyRequest(member: CryptoMember, request: KeyRequest): Promise<void> {
  const { machine } = member;
  const [method, callPath] = endpointOf(member, request);
  const answer = await callAsDevice(member, method, callPath, JSON.parse(request.body) as object);
  const { id, type } = request;
  if (id !== undefined) await machine.unit((olm) => olm.markRequestAsSent(id, type, answer));
  if (type === machine.wasm.RequestType.KeysUpload) await noteOneTimeKeys(member, answer);
}

/** How many there are now, as the answer to an upload says. */
async function noteOneTimeKeys({ sql, user, epoch, pulling, troubles }: CryptoMember, answer: string): Promise<void> {
  const { one_time_key_counts: counts } = JSON.parse(answer) as { one_time_key_counts?: Record<string, number> };
  const left = counts?.["signed_curve25519"];
  if (left === undefined) return;
  pulling.oneTimeKeys = left;
  if (left > 0) troubles.set("keys", undefined);
  await sql`update matrix_devices set one_time_keys = ${left} where user_id = ${user} and epoch = ${epoch}`;
}

/** Sends what the machine wants sent by itself: its keys, questions for others' devices, requests for keys. */
export function flushRequests(member: CryptoMember): Promise<void> {
  return member.mutex.run("requests", async () => {
    // An answer may lead to further requests; more rounds than these would be a loop.
    for (let round = 0; round < 5; round++) {
      const requests = (await member.machine.unit((olm) => olm.outgoingRequests())).filter(isKeyRequest);
      if (requests.length === 0) return;
      for (const request of requests) await sendKeyRequest(member, request);
    }
  });
}

/** Messages to rooms are of verifications, which send them (verification.ts). */
const isKeyRequest = (request: OutgoingRequest): request is KeyRequest => !("room_id" in request);

function endpointOf({ machine }: CryptoMember, request: KeyRequest): readonly [method: string, path: string] {
  const { RequestType } = machine.wasm;
  if ("txn_id" in request) return ["PUT", client + path`/sendToDevice/${request.event_type}/${request.txn_id}`];
  switch (request.type) {
    case RequestType.KeysUpload:
      return ["POST", `${client}/keys/upload`];
    case RequestType.KeysQuery:
      return ["POST", `${client}/keys/query`];
    case RequestType.KeysClaim:
      return ["POST", `${client}/keys/claim`];
    case RequestType.SignatureUpload:
      return ["POST", `${client}/keys/signatures/upload`];
    default:
      throw new ClawError(
        "environment",
        `the crypto library wants a request of type ${request.type}, which is unknown`,
      );
  }
}
