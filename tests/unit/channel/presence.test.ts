import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { createPresence, type PresenceOptions } from "../../../lib/channel/presence.ts";

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

function setUp(more: Partial<PresenceOptions<number>> = {}) {
  const done: string[] = [];
  const timers = new Set<{ at: number; act: () => void }>();
  let now = 0;
  const presence = createPresence<number>({
    refreshMs: 4_500,
    typing: async () => void done.push("typing"),
    show: async (line) => (done.push(`show ${line}`), 7),
    edit: async (id, line) => void done.push(`edit ${id} ${line}`),
    remove: async (id) => void done.push(`remove ${id}`),
    timers: {
      set(act, ms) {
        const timer = { at: now + ms, act };
        timers.add(timer);
        return timer;
      },
      clear: (timer) => void timers.delete(timer as { at: number; act: () => void }),
    },
    ...more,
  });
  const pass = async (ms: number): Promise<void> => {
    const until = now + ms;
    for (;;) {
      const next = [...timers].filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (!next) break;
      timers.delete(next);
      now = next.at;
      next.act();
      await settle();
    }
    now = until;
  };
  return { presence, done, pass, timers };
}

describe("typing", () => {
  test("a run shorter than 200 ms shows nothing and leaves no timer", async () => {
    const { presence, done, pass, timers } = setUp();
    presence.progress("time_now");
    await pass(199);
    await presence.end();
    await pass(60_000);
    assert.deepEqual(done, []);
    assert.equal(timers.size, 0);
  });

  test("it begins after 200 ms and is refreshed until the end", async () => {
    const { presence, done, pass, timers } = setUp();
    await pass(200);
    assert.deepEqual(done, ["typing"]);
    await pass(9_000);
    const typed = (): number => done.filter((what) => what === "typing").length;
    assert.equal(typed(), 3);
    await presence.end();
    await pass(60_000);
    assert.equal(typed(), 3);
    assert.equal(timers.size, 0);
  });

  test("it is taken back where the channel can, but only if it was shown", async () => {
    let stopped = 0;
    const stopTyping = async (): Promise<void> => void (stopped += 1);
    const quick = setUp({ stopTyping });
    await quick.presence.end();
    assert.equal(stopped, 0);
    const slow = setUp({ stopTyping });
    await slow.pass(300);
    await slow.presence.end();
    await slow.presence.end();
    assert.equal(stopped, 1);
  });

  test("the end waits for a call on its way, so that none comes after the answer", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { presence, pass } = setUp({ typing: () => promise });
    await pass(200);
    let ended = false;
    const end = presence.end().then(() => (ended = true));
    await settle();
    assert.equal(ended, false);
    resolve();
    await end;
  });
});

describe("the progress line", () => {
  test("it comes after 8 s with the latest tool, is edited at most every 2 s, and goes at the end", async () => {
    const { presence, done, pass } = setUp({ typing: async () => undefined });
    presence.progress("a");
    await pass(7_999);
    presence.progress("b");
    assert.deepEqual(done, []);
    await pass(1);
    assert.deepEqual(done, ["show b"]);
    presence.progress("c");
    presence.progress("d");
    await pass(1_999);
    assert.deepEqual(done, ["show b"]);
    await pass(1);
    assert.deepEqual(done, ["show b", "edit 7 d"]);
    presence.progress("d");
    await pass(10_000);
    assert.equal(done.length, 2);
    presence.progress("e");
    await settle();
    assert.equal(done.at(-1), "edit 7 e");
    await presence.end();
    assert.equal(done.at(-1), "remove 7");
  });

  test("it says that the model is thinking while no tool is at work", async () => {
    const { presence, done, pass } = setUp({ typing: async () => undefined });
    await pass(20_000);
    assert.deepEqual(done, ["show thinking …"]);
    presence.progress("a");
    await settle();
    presence.progress(undefined);
    await pass(2_000);
    assert.deepEqual(done, ["show thinking …", "edit 7 a", "edit 7 thinking …"]);
    await presence.end();
    assert.equal(done.at(-1), "remove 7");
  });

  test("a tool that ends before it is shown leaves no trace in it", async () => {
    const { presence, done, pass } = setUp({ typing: async () => undefined });
    presence.progress("a");
    presence.progress(undefined);
    await pass(8_000);
    assert.deepEqual(done, ["show thinking …"]);
  });

  test("one still being posted at the end is removed", async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const { presence, done, pass } = setUp({ typing: async () => undefined, show: () => promise });
    presence.progress("a");
    await pass(8_000);
    const end = presence.end();
    resolve(9);
    await end;
    assert.deepEqual(done, ["remove 9"]);
  });

  test("one that could not be posted is not tried again", async () => {
    let shows = 0;
    const { presence, done, pass } = setUp({ typing: async () => undefined, show: async () => void (shows += 1) });
    presence.progress("a");
    await pass(30_000);
    presence.progress("b");
    await pass(30_000);
    await presence.end();
    assert.equal(shows, 1);
    assert.deepEqual(done, []);
  });

  test("nothing that fails is noticed", async () => {
    const failing = (): Promise<never> => Promise.reject(new Error("no network"));
    const { presence, pass } = setUp({ typing: failing, edit: failing, remove: failing, stopTyping: failing });
    presence.progress("a");
    await pass(9_000);
    presence.progress("b");
    await pass(9_000);
    await presence.end();
  });
});

test("the global timers are used by default, and all are cleared at the end", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const done: string[] = [];
    const presence = createPresence<number>({
      refreshMs: 1_000,
      typing: async () => void done.push("typing"),
      show: async (line) => (done.push(line), 1),
    });
    presence.progress("a");
    mock.timers.tick(200);
    await settle();
    mock.timers.tick(7_800);
    await settle();
    await presence.end();
    const count = done.length;
    assert.ok(done.includes("a"));
    mock.timers.tick(60_000);
    await settle();
    assert.equal(done.length, count);
  } finally {
    mock.timers.reset();
  }
});
