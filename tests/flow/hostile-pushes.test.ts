/** What Telegram never sent so far: each push is acknowledged, or it would come again for ever, and the next is answered. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { testEnvironment } from "../support/gateway.ts";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

let id = 900_000;
const updates: Record<string, string> = {
  "of a kind with a NUL in its name": String.raw`"a\u0000b":{}`,
  "of a kind with half a character in its name": String.raw`"a\ud800b":{}`,
  "of a kind whose name is cut in a character": `"${"a".repeat(63)}😀":{}`,
  "named like a prototype": `"__proto__":{"chat":{"id":1}}`,
  "nested without end": `"x":${"[".repeat(50_000)}${"]".repeat(50_000)}`,
};

for (const [what, content] of Object.entries(updates))
  test(`an update ${what} is acknowledged, and the next one answered`, async () => {
    const person = stage.person();
    assert.equal(await pushText(`{"update_id":${++id},${content}}`), 200);
    await stage.say(person, "hi");
    assert.equal(await stage.heard(person), "Hello.");
  });

const pushText = async (body: string): Promise<number> => {
  const headers = { "x-telegram-bot-api-secret-token": testEnvironment["TELEGRAM_SECRET"] ?? "" };
  const answer = await fetch(`${stage.gateway.publicUrl}/telegram/main`, { method: "POST", body, headers });
  return answer.status;
};

for (const text of ["/approve a\0b", "/deny \ud800", "/jobs delete \0", "/agent \0", "/stop\n\0", "/status \0"])
  test(`${JSON.stringify(text)} is answered, and the next message too`, async () => {
    const person = stage.person();
    assert.equal(await stage.say(person, text), 200);
    assert.notEqual(await stage.heard(person), "");
    await stage.say(person, "hi");
    for (let heard = ""; heard !== "Hello."; heard = await stage.heard(person));
  });
