import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTelegramFunction } from "../../../functions/telegram.ts";
import { Secret } from "../../../lib/config/secret.ts";
import type { Denial } from "../../../lib/telegram/denial.ts";
import type { BotIdentity, Identify } from "../../../lib/telegram/identity.ts";
import { isSecret } from "../../../lib/same-secret.ts";
import { groupText, privateText } from "../../support/telegram-updates.ts";
import {
  group,
  identified,
  me,
  memoryLog,
  MemoryInbox,
  owner,
  secret,
  stranger,
  testBot,
  testConfig,
  unlisted,
} from "./support.ts";

const header = "X-Telegram-Bot-Api-Secret-Token";

function setUp(onDenied?: (denial: Denial) => Promise<void>, identify: Identify = identified) {
  const inbox = new MemoryInbox();
  const { log, lines } = memoryLog();
  let config = testConfig();
  const app = createTelegramFunction({ config: () => config, inbox, log, identify, ...(onDenied && { onDenied }) });
  const push = (
    body: string | ReadableStream,
    headers: Record<string, string> = { [header]: secret },
    path = "/telegram/main",
  ) => app.request(path, { method: "POST", body, headers, ...(body instanceof ReadableStream && { duplex: "half" }) });
  return { app, inbox, lines, push, setConfig: (next: typeof config) => void (config = next) };
}

/** A body that must not be read: it counts the attempts. */
function untouchable(): { body: ReadableStream; reads: () => number } {
  let reads = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        reads += 1;
        controller.error(new Error("the body was read"));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, reads: () => reads };
}

describe("the webhook's door", () => {
  test("CVE-2026-32980: with a wrong secret the body is never read", async () => {
    const { push, inbox } = setUp();
    const { body, reads } = untouchable();
    assert.equal((await push(body, { [header]: "wrong" })).status, 401);
    assert.equal(reads(), 0);
    assert.equal(inbox.entries.size, 0);
    const right = untouchable();
    assert.equal((await push(right.body)).status, 400);
    assert.equal(right.reads(), 1);
  });

  test("CVE-2026-44109: a missing or empty secret is refused, even where the expected one is empty", async () => {
    const { push, setConfig, inbox } = setUp();
    const body = JSON.stringify(privateText(owner, "hi"));
    assert.equal((await push(body, {})).status, 401);
    assert.equal((await push(body, { [header]: "" })).status, 401);
    setConfig(testConfig(testBot({ webhookSecret: new Secret("") })));
    assert.equal((await push(body, {})).status, 401);
    assert.equal((await push(body, { [header]: "" })).status, 401);
    assert.equal(inbox.entries.size, 0);
  });

  test("CVE-2026-28475: secrets of any length are compared by digests of equal length", () => {
    const expected = new Secret(secret);
    for (const wrong of [undefined, "", secret.slice(0, -1), `${secret}x`, "x".repeat(100_000), secret.toUpperCase()])
      assert.equal(isSecret(wrong, expected), false);
    assert.equal(isSecret(secret, expected), true);
  });

  test("CVE-2026-45005: a rotated secret stops working at once", async () => {
    const { push, setConfig } = setUp();
    assert.equal((await push(JSON.stringify(privateText(owner, "one")))).status, 200);
    setConfig(testConfig(testBot({ webhookSecret: new Secret("rotated") })));
    assert.equal((await push(JSON.stringify(privateText(owner, "two")))).status, 401);
    assert.equal((await push(JSON.stringify(privateText(owner, "two")), { [header]: "rotated" })).status, 200);
  });

  test("a secret in the query or of another bot opens nothing", async () => {
    const { push, setConfig } = setUp();
    const other = testBot({ name: "other", webhookSecret: new Secret("other-secret") });
    const config = testConfig();
    setConfig({ ...config, telegram: new Map([...config.telegram, ["other", other]]) });
    assert.equal((await push("{}", {}, `/telegram/main?secret_token=${secret}`)).status, 401);
    assert.equal((await push("{}", { [header]: "other-secret" })).status, 401);
  });

  test("an unknown bot is 404, and so is the name of something every object has", async () => {
    const { push } = setUp();
    for (const name of ["nobody", "constructor", "__proto__", ""])
      assert.equal((await push("{}", { [header]: secret }, `/telegram/${name}`)).status, 404);
  });

  test("only POST to the exact path is answered", async () => {
    const { app } = setUp();
    assert.equal((await app.request("/telegram/main")).status, 404);
    assert.equal((await app.request("/telegram/main/x", { method: "POST" })).status, 404);
  });
});

describe("the body", () => {
  const large = JSON.stringify({ ...privateText(owner, "x".repeat(1024 * 1024)) });

  test("one that claims to be larger than 1 MB is refused unread", async () => {
    const { push } = setUp();
    const { body, reads } = untouchable();
    assert.equal((await push(body, { [header]: secret, "content-length": "1048577" })).status, 413);
    assert.equal(reads(), 0);
  });

  test("one that is larger than 1 MB is refused whatever it claims", async () => {
    const { push, inbox } = setUp();
    assert.equal((await push(large, { [header]: secret, "content-length": "10" })).status, 413);
    assert.equal(inbox.entries.size, 0);
  });

  test("a stream without a length is cut off once past 1 MB", async () => {
    const { push, inbox } = setUp();
    let produced = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        produced += 1;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
      cancel() {
        cancelled = true;
      },
    });
    assert.equal((await push(body)).status, 413);
    assert.ok(produced < 20, `${produced} chunks`);
    assert.ok(cancelled);
    assert.equal(inbox.entries.size, 0);
  });

  test("a stream without a length is read as well", async () => {
    const { push, inbox } = setUp();
    const bytes = new TextEncoder().encode(JSON.stringify(privateText(owner, "héllo 😀")));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    assert.equal((await push(body)).status, 200);
    assert.equal((inbox.only.body as { text: string }).text, "héllo 😀");
  });

  test("what is authentic but cannot be understood is recorded once as poison and answered with 200", async () => {
    const { push, inbox, lines } = setUp();
    for (const body of ["", "{", "null", "[]", '{"message":{}}', '{"update_id":1,"message":{"canary":true}}']) {
      assert.equal((await push(body)).status, 200, body);
      assert.equal((await push(body)).status, 200, body);
    }
    assert.equal(inbox.entries.size, 6);
    for (const entry of inbox.entries.values()) {
      assert.deepEqual([entry.kind, entry.state], ["other", "poison"]);
      assert.equal(entry.body, undefined);
    }
    assert.ok(!lines.join("").includes("canary"));
  });
});

describe("the commit", () => {
  test("an update is accepted once, however often it comes", async () => {
    const { push, inbox } = setUp();
    const body = JSON.stringify(privateText(owner, "hi"));
    const statuses = await Promise.all(Array.from({ length: 5 }, async () => (await push(body)).status));
    assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
    assert.equal(inbox.entries.size, 1);
  });

  test("CVE-2026-41395: a replay with reordered keys or another query is the same update", async () => {
    const { push, inbox } = setUp();
    const update = privateText(owner, "hi");
    const { update_id, message } = update;
    const reordered = { message: Object.fromEntries(Object.entries(message).reverse()), update_id };
    assert.equal((await push(JSON.stringify(update), { [header]: secret }, "/telegram/main?a=1&b=2")).status, 200);
    assert.equal((await push(JSON.stringify(reordered), { [header]: secret }, "/telegram/main?b=2&a=1")).status, 200);
    assert.equal(inbox.entries.size, 1);
  });

  test("without a commit the answer is 500, so that Telegram repeats it", async () => {
    const { push, inbox } = setUp();
    const body = JSON.stringify(privateText(owner, "hi"));
    inbox.broken = true;
    assert.equal((await push(body)).status, 500);
    inbox.broken = false;
    assert.equal((await push(body)).status, 200);
    assert.equal(inbox.entries.size, 1);
  });

  test("neither what is said nor a secret is logged", async () => {
    const { push, inbox, lines } = setUp();
    await push(JSON.stringify(privateText(owner, "canary-body")));
    await push(JSON.stringify(privateText(stranger, "canary-body")));
    await push(JSON.stringify(privateText(owner, "canary-body")), { [header]: "canary-wrong" });
    inbox.broken = true;
    await push(JSON.stringify(privateText(owner, "canary-body")));
    assert.ok(lines.length >= 3);
    for (const line of lines) assert.doesNotMatch(line, new RegExp(`canary|${secret}`));
  });
});

describe("a username that is not known yet", () => {
  const unknown = { id: me.id };
  const answered = async (text: string, from: number, told: BotIdentity): Promise<[number, string | undefined]> => {
    const { push, inbox } = setUp(undefined, { now: () => unknown, within: async () => told });
    const { status } = await push(JSON.stringify(groupText(from, group, text)));
    return [status, [...inbox.entries.values()][0]?.state];
  };

  for (const text of ["@claw_test_bot hi", "/status@claw_test_bot"])
    test(`"${text}" in a group waits for it, and is left with Telegram where it stays unknown`, async () => {
      assert.deepEqual(await answered(text, owner, me), [200, "new"]);
      assert.deepEqual(await answered(text, owner, unknown), [503, undefined]);
    });

  test("a message that does not hang on it is committed at once", async () => {
    assert.deepEqual(await answered("hi all", owner, unknown), [200, "ignored"]);
    assert.deepEqual(await answered("@claw_test_bot hi", stranger, unknown), [200, "denied"]);
    assert.deepEqual(await answered("/status", owner, unknown), [200, "new"]);
  });

  test("Telegram is asked for it before the first update", () => {
    const asked: string[] = [];
    setUp(undefined, { now: ({ name }) => (asked.push(name), me), within: async () => me });
    assert.deepEqual(asked, ["main"]);
  });
});

describe("denials", () => {
  test("a person who is not let in fills no log: one line a minute and chat, though each message is recorded", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
    const { push, inbox, lines } = setUp();
    const flood = async (): Promise<number> => {
      for (let message = 0; message < 3; message++) {
        await push(JSON.stringify(privateText(stranger, "hi")));
        await push(JSON.stringify(groupText(stranger, group, "hi")));
        await push(JSON.stringify(groupText(owner, unlisted, "hi")));
      }
      return lines.length;
    };
    assert.equal(await flood(), 3);
    t.mock.timers.tick(59_999);
    assert.equal(await flood(), 3);
    t.mock.timers.tick(1);
    assert.equal(await flood(), 6);
    assert.equal(inbox.entries.size, 27);
  });

  test("a stranger is told off once for each new message, and a replay tells nothing", async () => {
    const denials: Denial[] = [];
    const { push } = setUp(async (denial) => void denials.push(denial));
    const body = JSON.stringify(privateText(stranger, "hi"));
    await push(body);
    await push(body);
    await push(JSON.stringify(privateText(owner, "hi")));
    assert.deepEqual(denials, [{ bot: "main", chat: stranger, principal: `telegram:${stranger}` }]);
  });

  test("a denial that hangs or fails changes nothing about the 200", async () => {
    const hanging = setUp(() => new Promise(() => {}));
    assert.equal((await hanging.push(JSON.stringify(privateText(stranger, "hi")))).status, 200);
    const failing = setUp(() => {
      throw new Error("no outbox");
    });
    assert.equal((await failing.push(JSON.stringify(privateText(stranger, "hi")))).status, 200);
  });
});
