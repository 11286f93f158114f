import assert from "node:assert/strict";
import { test } from "node:test";
import { megolmPlace } from "../../../../lib/matrix/crypto/megolm-place.ts";

const placeOf = (bytes: readonly number[], sessionId: unknown = "s"): unknown =>
  megolmPlace({
    type: "m.room.encrypted",
    event_id: "$e",
    room_id: "!r",
    sender: "@a:b",
    origin_server_ts: 0,
    content: { session_id: sessionId, ciphertext: Buffer.from(bytes).toString("base64") },
  });

test("a message's place is its session and the varint behind the version", () => {
  assert.deepEqual(placeOf([3, 8, 0, 0x12, 1]), { sessionId: "s", index: 0 });
  assert.deepEqual(placeOf([3, 8, 0x7f, 0x12]), { sessionId: "s", index: 127 });
  assert.deepEqual(placeOf([3, 8, 0xac, 0x02, 0x12]), { sessionId: "s", index: 300 });
  assert.deepEqual(placeOf([3, 8, 0xff, 0xff, 0xff, 0xff, 0x0f]), { sessionId: "s", index: 2 ** 32 - 1 });
});

test("what has another form has no place", () => {
  for (const bytes of [[], [3], [3, 8], [2, 8, 0], [3, 9, 0], [3, 8, 0xff]]) assert.equal(placeOf(bytes), undefined);
  assert.equal(placeOf([3, 8, 0], 7), undefined);
});
