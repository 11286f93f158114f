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
 * Reads what is new, each time after a pull: an event's key was sent before it, and a sender is weighed by the devices and
 * the identity of now. After a pull that brought something, what could not be read before is tried again. One at a time for
 * an agent; `pullFirst`: also where nothing is new.
 */
export function attend(deps: ReadDeps, member: CryptoMember, pullFirst: boolean): Promise<void> {
  return member.mutex.run("attend", async () => {
    const { sql, keyring, user } = member;
    if (pullFirst) await pull(member);
    const missing = new Set<number>();
    for (;;) {
      const rows = await freshEncrypted(sql, keyring.bodies, user);
      if (rows.length === 0) break;
      await pull(member);
      for (const id of await readRows(deps, member, rows)) missing.add(id);
    }
    const unread = member.pulling.brought ? await retry(deps, member) : missing;
    for (const id of missing) if (unread.has(id)) member.troubles.decrypted(false);
  });
}

/** Tries all that could not be read, once; returns the rows that still cannot be. */
async function retry(deps: ReadDeps, member: CryptoMember): Promise<ReadonlySet<number>> {
  const { pulling, sql, keyring, user } = member;
  const unread = new Set<number>();
  pulling.brought = false;
  try {
    for (let after = 0; ;) {
      const rows = await unreadableAfter(sql, keyring.bodies, user, after);
      const last = rows.at(-1);
      if (!last) return unread;
      after = last.id;
      for (const id of await readRows(deps, member, rows)) unread.add(id);
    }
  } catch (thrown) {
    pulling.brought = true;
    throw thrown;
  }
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
