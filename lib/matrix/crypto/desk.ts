/** What operators ask of the agents a process holds: verifications and self-tests. */
import { messageOf } from "../../errors.ts";
import { type MatrixRequest, openRequests, report } from "../../ledger/matrix-requests.ts";
import type { MatrixRooms } from "../../ledger/matrix-rooms.ts";
import { MatrixError } from "../error.ts";
import { forgetRoomKeys } from "./forget.ts";
import type { CryptoMember } from "./member.ts";
import type { DecryptedEvent } from "./read.ts";
import { receiveSelftest, runSelftest, type SelftestDeps } from "./selftest.ts";
import { type VerificationDeps, Verifications } from "./verification.ts";

/** What the desk is made of. */
export interface DeskDeps extends VerificationDeps, SelftestDeps {
  readonly rooms: Pick<MatrixRooms, "of" | "set" | "markEncrypted">;
}

/** A wish nobody has answered for so long is over; the library ends a verification then too. */
const patienceMs = 600_000;

/** The desk of one process. */
export function createDesk(deps: DeskDeps) {
  const { sql } = deps;
  const verifications = new Verifications(deps);
  const begun = new Set<number>();

  return {
    verification: (member: CryptoMember, event: DecryptedEvent): Promise<void> => verifications.receive(member, event),
    selftest: (member: CryptoMember, event: DecryptedEvent): boolean => receiveSelftest(deps, member, event),
    advance: (member: CryptoMember): Promise<void> => verifications.advance(member),
    isBusy: (member: CryptoMember): boolean => verifications.isBusy(member),
    forget: (member: CryptoMember, room: string): Promise<number> => forgetRoomKeys(member, room),

    /** Begins what was asked meanwhile and hears answers. */
    async tick(members: readonly CryptoMember[]): Promise<void> {
      if (members.length === 0) return;
      const requests = await openRequests(
        sql,
        members.map(({ user }) => user),
      );
      for (const request of requests) {
        const member = members.find(({ user }) => user === request.user);
        if (!member) continue;
        try {
          if (request.ageMs > patienceMs) await report(sql, request.id, { text: "Nobody answered in time." }, "failed");
          else await attendTo(member, request);
        } catch (thrown) {
          // What may pass is tried again with the next tick.
          if (thrown instanceof MatrixError && thrown.transient && request.answer !== undefined) continue;
          await report(sql, request.id, { text: `FAILED: ${messageOf(thrown)}` }, "failed");
        }
      }
    },
  };

  async function attendTo(member: CryptoMember, request: MatrixRequest): Promise<void> {
    const { id, kind, asked, answer } = request;
    const isNew = !begun.has(id);
    begun.add(id);
    if (kind === "selftest") {
      if (isNew) await runSelftest(deps, member, request);
      return;
    }
    const { person = "" } = asked;
    if (isNew) {
      const room = asked.room ?? (await roomWith(member, person));
      if (room === undefined)
        return report(
          sql,
          id,
          { text: `${member.user} shares no room with ${person}: let them open a direct chat with it first.` },
          "failed",
        );
      await verifications.begin(member, person, room, (line, state) => report(sql, id, line, state));
    } else if (answer !== undefined) await verifications.answer(member, person, answer === "yes");
  }

  /** Their direct chat, else any room both are in. */
  async function roomWith({ user }: CryptoMember, person: string): Promise<string | undefined> {
    const joined = (await deps.rooms.of(user)).filter(({ membership }) => membership === "join");
    const direct = joined.filter((room) => room.direct && room.inviter === person);
    for (const { room } of [...direct, ...joined])
      if ((await deps.client.joinedMembers(user, room).catch((): string[] => [])).includes(person)) return room;
    return undefined;
  }
}
