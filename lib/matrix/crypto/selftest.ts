/** `claw matrix selftest`: one encrypted message from an agent to another through the homeserver, each leg reported. */
import type { Sql } from "../../db/client.ts";
import { type MatrixRequest, report } from "../../ledger/matrix-requests.ts";
import { type MatrixRooms, selftestOrigin } from "../../ledger/matrix-rooms.ts";
import { messageOf } from "../../errors.ts";
import type { MatrixClient } from "../client.ts";
import { isOurs } from "../ids.ts";
import type { DecryptedEvent } from "./read.ts";
import type { CryptoMember } from "./member.ts";
import type { VerificationDeps } from "./verification.ts";

/** What the self-test needs besides the agent. */
export interface SelftestDeps {
  readonly sql: Sql;
  readonly client: MatrixClient;
  readonly rooms: Pick<MatrixRooms, "of" | "set" | "markEncrypted">;
  readonly sendToRoom: VerificationDeps["sendToRoom"];
}

const marker = "dev.openclaw.selftest";

/** The sender's legs; the receiver's end it. */
export async function runSelftest(deps: SelftestDeps, member: CryptoMember, request: MatrixRequest): Promise<void> {
  const { sql } = deps;
  const { peer = "" } = request.asked;
  try {
    const room = await testRoom(deps, member.user, peer);
    await report(sql, request.id, { text: `room: ${room}, both joined` });
    const began = Date.now();
    await deps.sendToRoom({
      user: member.user,
      room,
      key: `selftest:${request.id}`,
      type: "m.room.message",
      content: { msgtype: "m.notice", body: "self-test", [marker]: { request: request.id, sentAt: began } },
    });
    await report(sql, request.id, { text: `sent: keys shared, encrypted and accepted in ${Date.now() - began} ms` });
  } catch (thrown) {
    await report(sql, request.id, { text: `FAILED: ${messageOf(thrown)}` }, "failed");
  }
}

/** Whether an event is of a self-test; the receiver's leg is reported then. */
export function receiveSelftest(
  { sql }: Pick<SelftestDeps, "sql">,
  member: CryptoMember,
  event: DecryptedEvent,
): boolean {
  // Anybody may write the mark into a message: only one agent's word to another counts.
  if (!isOurs(member.config(), event.sender)) return false;
  const mark = event.content[marker];
  if (typeof mark !== "object" || mark === null || !("request" in mark) || !("sentAt" in mark)) return false;
  const ms = Date.now() - Number(mark.sentAt);
  const line = { text: `received: pushed, key fetched and decrypted by ${member.user}, ${ms} ms after it was begun` };
  report(sql, Number(mark.request), line, "done").catch((err: unknown) =>
    member.log.warn({ err }, "matrix: a self-test could not be reported"),
  );
  return true;
}

/** An encrypted room of the two, made once. */
async function testRoom({ client, rooms }: SelftestDeps, user: string, peer: string): Promise<string> {
  const theirs = new Set(
    (await rooms.of(peer)).filter(({ origin }) => origin === selftestOrigin).map(({ room }) => room),
  );
  for (const { room, origin, membership } of await rooms.of(user))
    if (origin === selftestOrigin && membership === "join" && theirs.has(room)) {
      const members = await client.joinedMembers(user, room).catch((): string[] => []);
      if (members.includes(user) && members.includes(peer)) return room;
    }
  const room = await client.createRoom(user, { name: "OpenClaw self-test", invite: [peer], encrypted: true });
  for (const each of [user, peer]) await rooms.set(each, room, "join", { origin: selftestOrigin });
  await rooms.markEncrypted(room);
  await client.join(peer, room);
  return room;
}
