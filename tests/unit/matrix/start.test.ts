import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { type ServerType, serve } from "@hono/node-server";
import type { AddressInfo } from "node:net";
import type { RoomOfUser } from "../../../lib/ledger/matrix-rooms.ts";
import { createMatrixClient } from "../../../lib/matrix/client.ts";
import { type RunningMatrix, startMatrix } from "../../../lib/matrix/start.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { until } from "../../support/until.ts";
import { helper, hsToken, memoryLog, ops, owner, testConfig, testFunction } from "./support.ts";

let homeserver: StandInHomeserver;
let gateway: ServerType;
let gatewayUrl: string;
let stop: AbortController;
let running: RunningMatrix;
const stored = new Map<string, RoomOfUser>();
const { log, text: logText } = memoryLog();

before(async () => {
  const { app } = testFunction();
  gateway = await new Promise<ServerType>((resolve) => {
    const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(listening));
  });
  gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
after(() => new Promise((resolve) => gateway.close(resolve)));
beforeEach(async () => {
  homeserver = await startHomeserver({ hsToken });
  stop = new AbortController();
  stored.clear();
});
afterEach(async () => {
  stop.abort();
  await running.stopped;
  await homeserver.close();
});

function start(config = testConfig({ homeserver: homeserver.url, asToken: homeserver.asToken })): RunningMatrix {
  running = startMatrix({
    config: () => config,
    client: createMatrixClient(() => config),
    rooms: {
      now: async () => "now",
      set: async (user, room, membership) => {
        const before = stored.get(`${user} ${room}`) ?? {
          user,
          room,
          direct: false,
          inviter: undefined,
          encrypted: false,
        };
        stored.set(`${user} ${room}`, { ...before, membership });
        return true;
      },
      of: async (user) => [...stored.values()].filter((seat) => seat.user === user),
      markEncrypted: async (room) => {
        for (const [key, seat] of stored) if (seat.room === room) stored.set(key, { ...seat, encrypted: true });
      },
    },
    log,
    signal: stop.signal,
    everyMs: 40,
    backoffMs: 10,
  });
  return running;
}

const saysOf = (reason: RegExp): Promise<string> =>
  until(
    async () => running.status().reason,
    (now) => reason.test(now),
  );

test("users, devices and rooms are made to agree, and the homeserver's way to us is tried", async () => {
  homeserver.connect(gatewayUrl);
  const room = homeserver.createRoom({ members: [owner, ops], encrypted: true });
  stored.set(`${ops} !left`, {
    user: ops,
    room: "!left",
    membership: "join",
    direct: false,
    inviter: undefined,
    encrypted: false,
  });
  start();
  assert.equal(running.status().ok, false);
  await saysOf(/knows us and reaches us/);
  assert.equal(running.status().ok, true);
  assert.deepEqual([stored.get(`${ops} ${room}`)?.membership, stored.get(`${ops} ${room}`)?.encrypted], ["join", true]);
  assert.equal(stored.get(`${ops} !left`)?.membership, "leave");
  assert.match(logText(), /a room that the config does not allow/);
  const made = homeserver.calls.filter(({ path }) => path.endsWith("/devices/OPENCLAW")).map(({ user }) => user);
  assert.deepEqual(made.sort(), [helper, ops]);
});

test("a wrong token, an unreachable gateway and a wrong hs_token each have their reason, and mend themselves", async () => {
  start();
  await saysOf(/cannot reach the registration's url/);
  homeserver.connect(gatewayUrl);
  await saysOf(/knows us and reaches us/);
  homeserver.hsToken = "other";
  await saysOf(/is refused there/);
  homeserver.fail({ path: /whoami/, answer: { status: 401, body: { errcode: "M_UNKNOWN_TOKEN" } } });
  await saysOf(/does not know matrix\.as_token/);
  homeserver.clearFaults();
  homeserver.fail({ path: /whoami/, answer: { status: 200, body: { user_id: "@bridge:home.example" } } });
  await saysOf(/the token is of @bridge:home\.example/);
  homeserver.fail({ path: /./, answer: "cut" });
  homeserver.clearFaults();
  homeserver.hsToken = hsToken;
  await saysOf(/knows us and reaches us/);
});

test("a homeserver that knows only the token from before a rotation is well, and told as one to be restarted", async () => {
  homeserver.connect(gatewayUrl);
  start(testConfig({ homeserver: homeserver.url, asToken: "after", previousAsToken: homeserver.asToken }));
  await saysOf(/knows only matrix\.previous_as_token: restart it/);
  assert.equal(running.status().ok, true);
  const before = homeserver.asToken;
  homeserver.asToken = "after";
  await saysOf(/knows us and reaches us/);
  homeserver.asToken = before;
});

test("a homeserver that is down is told as such", async () => {
  start(testConfig({ homeserver: "http://127.0.0.1:9" }));
  await saysOf(/http:\/\/127\.0\.0\.1:9: Matrix GET .*no answer/);
});
