/** An agent's encrypted mail: fetched, read, and what cannot be read told at last. */
import { giveUpEncrypted, freshEncrypted, markUnreadable, unreadableAfter } from "../../ledger/matrix-encrypted.ts";
import { undecryptableNotice } from "../notices.ts";
import type { CryptoMember } from "./member.ts";
import { pull } from "./pull.ts";
import { type ReadDeps, readRows } from "./read.ts";

/** How long a message may stay unreadable before the room is told. */
const tellAfterMs = 30_000;
/** How long it is tried again. */
const keepMs = 7 * 86_400_000;

/**
 * Reads what is new, with a pull first where asked, and one more where a key is missing; after every pull that brought
 * something, whoever asked for it, what could not be read before is tried again. One at a time for an agent.
 */
export function attend(deps: ReadDeps, member: CryptoMember, pullFirst: boolean): Promise<void> {
  return member.mutex.run("attend", async () => {
    const { sql, keyring, user } = member;
    if (pullFirst) await pull(member);
    let missing = 0;
    for (;;) {
      const rows = await freshEncrypted(sql, keyring.bodies, user);
      if (rows.length === 0) break;
      missing += await readRows(deps, member, rows);
    }
    // Sent before the event was, the key is in the device's inbox by now, or an answer's pull has just taken it out.
    if (missing > 0) await pull(member);
    if (hasNewKeys(member)) await retry(deps, member);
  });
}

/** Whether pulls have brought something since what could not be read was last tried. */
export const hasNewKeys = ({ pulling }: CryptoMember): boolean => pulling.brought !== pulling.triedAt;

/** Tries all that could not be read, once. */
async function retry(deps: ReadDeps, member: CryptoMember): Promise<void> {
  const { brought } = member.pulling;
  for (let after = 0; ;) {
    const rows = await unreadableAfter(member.sql, member.keyring.bodies, member.user, after);
    const last = rows.at(-1);
    if (!last) break;
    after = last.id;
    await readRows(deps, member, rows);
  }
  member.pulling.triedAt = brought;
}

/** Tells the room of what has been unreadable for a while, once, and gives up what has been for long. */
export function tellUnreadable(deps: Pick<ReadDeps, "tell">, member: CryptoMember): Promise<void> {
  return member.mutex.run("attend", async () => {
    const { sql, keyring, user, log } = member;
    for (let after = 0; ;) {
      const rows = await unreadableAfter(sql, keyring.bodies, user, after);
      const last = rows.at(-1);
      if (!last) return;
      after = last.id;
      for (const { id, event, reason = "", told, thread, ageMs } of rows) {
        if (ageMs > keepMs) await giveUpEncrypted(sql, id, `unreadable: ${reason}`);
        else if (!told && ageMs > tellAfterMs) {
          await markUnreadable(sql, id, reason, true);
          log.warn({ user, room: event.room_id, event: event.event_id, reason }, "matrix: a message cannot be read");
          const about = { room: event.room_id, thread, eventId: event.event_id, sender: event.sender };
          deps.tell(undecryptableNotice(user, about, reason.startsWith("withheld")));
        }
      }
    }
  });
}
