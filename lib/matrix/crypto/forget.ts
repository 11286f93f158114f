/**
 * Deletes a room's keys from an agent's store. The library has no call for that, and the store's keys are hashes; but what
 * a session made for the room is kept under shows the room's own one, and every session's key begins with the room's hash.
 */
import type { CryptoMember } from "./member.ts";

const database = "matrix-sdk-crypto";
const sessionStore = "inbound_group_sessions3";
const ownStore = "outbound_group_sessions";
/** The room's and the session's hash, 43 characters each, and what stands between them. */
const sessionKeyLength = 87;
const roomHashLength = 43;

/** The machine must be opened anew afterwards: it still remembers them. Returns how many sessions there were. */
export async function forgetRoomKeys({ machine }: Pick<CryptoMember, "machine">, room: string): Promise<number> {
  const { wasm, recorder } = machine;
  return machine.unit(async (olm) => {
    await olm.invalidateGroupSession(new wasm.RoomId(room));
    // Its own and nobody else's: the requests that would share it are dropped with the machine.
    await olm.shareRoomKey(new wasm.RoomId(room), [], new wasm.EncryptionSettings());
    await olm.invalidateGroupSession(new wasm.RoomId(room));
    const [made = "", ...others] = recorder.changedKeys(database, sessionStore);
    const own = recorder.changedKeys(database, ownStore);
    if (made.length !== sessionKeyLength || others.length > 0 || own.length !== 1)
      throw new Error("the crypto store's keys have another form: was it upgraded?");
    const sessions = recorder.keysWith(database, sessionStore, made.slice(0, roomHashLength));
    for (const key of sessions) recorder.delete(database, sessionStore, key);
    for (const key of own) recorder.delete(database, ownStore, key);
    return sessions.length - 1;
  });
}
