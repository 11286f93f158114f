/** Child: makes an agent's crypto store, or opens it and stops the time. */
import "../../lib/boot.ts";
import { connect, type Sql } from "../../lib/db/client.ts";
import { takeDevice } from "../../lib/ledger/matrix-devices.ts";
import { AgentMachine } from "../../lib/matrix/crypto/machine.ts";
import { loadWasm } from "../../lib/matrix/crypto/wasm.ts";
import { serveCalls, sharedClock } from "./child.ts";
import type { CryptoStoreCalls, StorePlan } from "./protocol.ts";

const storeKey = new Uint8Array(32).fill(7);

async function withSql<Value>(url: string, use: (sql: Sql) => Promise<Value>): Promise<Value> {
  const sql = connect(url, { max: 2, name: "bench crypto store" });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

async function open(sql: Sql, user: string): Promise<AgentMachine> {
  const { deviceId, epoch } = await takeDevice(sql, user, "bench", "OPENCLAW");
  return AgentMachine.open({ sql, user, deviceId, epoch, storeKey });
}

const roomOf = (n: number): string => `!store-${n}:home.example`;
const perUnit = 50;

/** Each room has a key of the agent's own, kept as its sender's and as a reader's. */
const fill = ({ url, user, rooms }: StorePlan & { rooms: number }): Promise<{ room: string; event: string }> =>
  withSql(url, async (sql) => {
    const machine = await open(sql, user);
    const { wasm } = machine;
    for (let from = 0; from < rooms; from += perUnit)
      await machine.unit(async (olm) => {
        for (let n = from; n < Math.min(from + perUnit, rooms); n++)
          await olm.shareRoomKey(new wasm.RoomId(roomOf(n)), [], new wasm.EncryptionSettings());
      });
    const room = roomOf(rooms - 1);
    const content = await machine.unit((olm) =>
      olm.encryptRoomEvent(new wasm.RoomId(room), "m.room.message", JSON.stringify({ msgtype: "m.text", body: "hi" })),
    );
    await machine.close();
    const event = {
      type: "m.room.encrypted",
      event_id: "$bench",
      room_id: room,
      sender: user,
      origin_server_ts: 1_780_000_000_000,
      content: JSON.parse(content) as object,
      unsigned: {},
    };
    return { room, event: JSON.stringify(event) };
  });

serveCalls<CryptoStoreCalls>({
  fill,
  load: ({ url, user, room, event }) =>
    withSql(url, async (sql) => {
      const [counted] = await sql<{ rows: number }[]>`
        select count(*)::int as rows from matrix_crypto where user_id = ${user}`;
      const began = sharedClock();
      const wasm = await loadWasm();
      await import("../../lib/matrix/crypto/indexed-db.ts");
      const loaded = sharedClock();
      const machine = await open(sql, user);
      const opened = sharedClock();
      await machine.unit((olm) =>
        olm.decryptRoomEvent(
          event,
          new wasm.RoomId(room),
          new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted),
        ),
      );
      const decrypted = sharedClock();
      await machine.close();
      return { library: loaded - began, open: opened - loaded, decrypt: decrypted - opened, rows: counted?.rows ?? 0 };
    }),
});
