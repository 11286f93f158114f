/**
 * Deletes a room's keys from an agent's store. The library has no call for that, and the store's keys are hashes; but both
 * begin with the room's hash, and a key made for the room shows what that is.
 */
import type { CryptoMember } from "./member.ts";

const database = "matrix-sdk-crypto";
const sessionStore = "inbound_group_sessions3";
/** The room's and the session's hash, 43 characters each, and what stands between them. */
const sessionKeyLength = 87;
const roomHashLength = 43;

/** The machine must be opened anew afterwards: it still remembers them. Returns how many sessions there were. */
export async function forgetRoomKeys(member: CryptoMember, room: string): Promise<number> {
  const { machine } = member;
  const { wasm, recorder } = machine;
  return machine.unit(async (olm) => {
    const before = new Set(recorder.keysWith(database, sessionStore, ""));
    await olm.invalidateGroupSession(new wasm.RoomId(room));
    const settings = new wasm.EncryptionSettings();
    // Its own and nobody else's: the requests that would share it are dropped with the machine.
    await olm.shareRoomKey(new wasm.RoomId(room), [], settings);
    const made = recorder.keysWith(database, sessionStore, "").find((key) => !before.has(key));
    if (made?.length !== sessionKeyLength)
      throw new Error("the crypto store's keys have another form: was it upgraded?");
    const sessions = recorder.keysWith(database, sessionStore, made.slice(0, roomHashLength));
    for (const key of sessions) recorder.delete(database, sessionStore, key);
    await olm.invalidateGroupSession(new wasm.RoomId(room));
    return sessions.length - 1;
  });
}
