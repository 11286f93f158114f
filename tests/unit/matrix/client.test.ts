import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { createMatrixClient, type MatrixClient } from "../../../lib/matrix/client.ts";
import { MatrixError } from "../../../lib/matrix/error.ts";
import { createMemberCounts } from "../../../lib/matrix/members.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { ops, owner, testConfig } from "./support.ts";

let homeserver: StandInHomeserver;
let client: MatrixClient;

before(async () => {
  homeserver = await startHomeserver();
  client = createMatrixClient(() => testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken }));
});
after(() => homeserver.close());
afterEach(() => homeserver.clearFaults());

const failure = async (work: Promise<unknown>): Promise<MatrixError> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof MatrixError);
  return thrown;
};

test("a user is made once, and its device with it", async () => {
  await client.register("agent_new");
  await client.register("agent_new");
  await client.ensureDevice("@agent_new:home.example");
  await client.ensureDevice("@agent_new:home.example");
  assert.equal(await client.whoami("@agent_new:home.example"), "@agent_new:home.example");
  assert.equal(await client.whoami(), "@openclaw:home.example");
});

test("calls are made as the agent, and ids cannot lead elsewhere", async () => {
  const room = homeserver.createRoom({ members: [owner, ops] });
  assert.deepEqual(await client.joinedMembers(ops, room), [owner, ops]);
  assert.equal(homeserver.calls.at(-1)?.user, ops);
  await failure(client.joinedMembers(ops, "!x/../../../_synapse/admin?a=b#c"));
  assert.match(homeserver.calls.at(-1)?.path ?? "", /^\/_matrix\/client\/v3\/rooms\/!x\//);
  await assert.rejects(client.joinedMembers(ops, ".."), { code: "bad_request" });
});

test("a room's state is there, not there, or not to be had", async () => {
  const plain = homeserver.createRoom({ members: [ops] });
  const encrypted = homeserver.createRoom({ members: [ops], encrypted: true });
  assert.equal(await client.getState(ops, plain, "m.room.encryption"), undefined);
  assert.deepEqual(await client.getState(ops, encrypted, "m.room.encryption"), { algorithm: "m.megolm.v1.aes-sha2" });
  const thrown = await failure(client.getState(ops, homeserver.createRoom({ members: [owner] }), "m.room.encryption"));
  assert.deepEqual([thrown.httpStatus, thrown.errcode, thrown.transient], [403, "M_FORBIDDEN", false]);
});

test("an error carries the status, the errcode and the wait, and never the token", async () => {
  const answer = { status: 429, body: { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 5 } };
  homeserver.fail({ path: /whoami/, times: 1, answer });
  const limited = await failure(client.whoami());
  assert.deepEqual([limited.httpStatus, limited.retryAfterMs, limited.transient], [429, 5, true]);
  homeserver.fail({ path: /whoami/, times: 1, answer: "cut" });
  const cut = await failure(client.whoami());
  assert.deepEqual([cut.httpStatus, cut.transient], [undefined, true]);
  assert.ok(!`${limited.message}${cut.message}`.includes(homeserver.asToken));
});

test("a file comes down", async () => {
  const uri = homeserver.addMedia(new Uint8Array([1, 2, 3]), "image/png");
  const [, server = "", mediaId = ""] = /^mxc:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  assert.deepEqual([...(await client.download(ops, { server, mediaId }, 10))], [1, 2, 3]);
});

test("a member count is asked once a minute, again after a change, and 5 s after a failure", async () => {
  let now = 0;
  let asked = 0;
  let broken = false;
  const counts = createMemberCounts(
    {
      joinedMembers: async () => {
        asked += 1;
        if (broken) throw new Error("down");
        return ["a", "b"];
      },
    },
    () => now,
  );
  assert.deepEqual([await counts.of(ops, "!r"), await counts.of(ops, "!r"), asked], [2, 2, 1]);
  counts.changed("!r");
  await counts.of(ops, "!r");
  now = 60_000;
  broken = true;
  assert.equal(await counts.of(ops, "!r"), undefined);
  broken = false;
  now += 4_999;
  assert.deepEqual([await counts.of(ops, "!r"), asked], [undefined, 3]);
  now += 1;
  assert.deepEqual([await counts.of(ops, "!r"), asked], [2, 4]);
});
