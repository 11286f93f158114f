import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Timers } from "../../../lib/channel/presence.ts";
import type { Presence } from "../../../lib/channel/types.ts";
import { createMatrixClient } from "../../../lib/matrix/client.ts";
import { createMatrixPresence } from "../../../lib/matrix/presence.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { until } from "../../support/until.ts";
import { noCrypto, oneDevice, ops, owner, testConfig } from "./support.ts";

let homeserver: StandInHomeserver;
before(async () => {
  homeserver = await startHomeserver();
});
after(() => homeserver.close());

/** Time that passes when told. */
class ManualTimers implements Timers {
  readonly #due = new Map<object, { callback: () => void; at: number }>();
  #now = 0;

  set(callback: () => void, ms: number): object {
    const timer = {};
    this.#due.set(timer, { callback, at: this.#now + ms });
    return timer;
  }

  clear(timer: unknown): void {
    this.#due.delete(timer as object);
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [timer, { callback, at }] of this.#due) if (at <= this.#now && this.#due.delete(timer)) callback();
  }
}

function present(room: string, more: { thread?: string; progress?: boolean } = {}): [Presence, ManualTimers] {
  const timers = new ManualTimers();
  const settings = { homeserver: homeserver.url, asToken: homeserver.asToken, progress: more.progress ?? true };
  const config = testConfig(settings);
  const presence = createMatrixPresence(
    {
      config: () => config,
      client: createMatrixClient(() => config),
      rooms: { encrypted: async () => false, markEncrypted: async () => {} },
      deviceIds: oneDevice,
      crypto: noCrypto,
      timers,
    },
    { channel: "matrix", user: ops, room, replyTo: "$asked", ...(more.thread && { thread: more.thread }) },
  );
  return [presence, timers];
}

test("the message is read, the agent types after a moment, and one line is edited in place and taken away", async () => {
  const room = homeserver.createRoom({ members: [owner, ops] });
  const [presence, timers] = present(room, { thread: "$root" });
  presence.progress("alerts_list");
  timers.pass(8_000);
  const line = await homeserver.waitFor((event) => event.room_id === room);
  assert.deepEqual([line.content["msgtype"], line.content["body"]], ["m.notice", "alerts_list"]);
  assert.equal((line.content["m.relates_to"] as { event_id: string }).event_id, "$root");
  await sleep(50);
  presence.progress("calendar_agenda");
  timers.pass(2_000);
  const edit = await homeserver.waitFor((event) => event.room_id === room && "m.new_content" in event.content);
  assert.deepEqual(edit.content["m.relates_to"], { rel_type: "m.replace", event_id: line.event_id });
  const changed = edit.content["m.new_content"] as object;
  for (const content of [line.content, edit.content, changed])
    assert.deepEqual((content as Record<string, unknown>)["com.beeper.linkpreviews"], []);
  await presence.end();
  assert.equal(homeserver.sent(room).at(-1)?.redacts, line.event_id);
  const paths = homeserver.calls.filter((call) => call.path.includes(room)).map((call) => call.path);
  assert.ok(paths.some((path) => path.endsWith("/receipt/m.read/$asked")));
  assert.ok(paths.some((path) => path.includes("/typing/")));
});

test("a quick answer shows nothing but the receipt, out of the answer's way", async () => {
  const room = homeserver.createRoom({ members: [owner, ops] });
  const [presence, timers] = present(room);
  presence.progress("alerts_list");
  timers.pass(100);
  await presence.end();
  const called = (): string[] => homeserver.calls.filter(({ path }) => path.includes(room)).map(({ path }) => path);
  assert.deepEqual(called(), []);
  timers.pass(200);
  const paths = await until(
    async () => called(),
    ({ length }) => length > 0,
  );
  assert.deepEqual(paths, [`/_matrix/client/v3/rooms/${room}/receipt/m.read/$asked`]);
});

for (const [where, encrypted, progress] of [
  ["in an encrypted room", true, true],
  ["where config says none", false, false],
] as const)
  test(`no progress line is shown ${where}`, async () => {
    const room = homeserver.createRoom({ members: [owner, ops], encrypted });
    const [presence, timers] = present(room, { progress });
    presence.progress("alerts_list");
    timers.pass(9_000);
    await presence.end();
    assert.deepEqual(homeserver.sent(room), []);
  });
