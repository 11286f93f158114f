import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encryptFile } from "../../lib/matrix/encrypted-file.ts";
import { scanDatabase } from "../support/database-scan.ts";
import { type EncryptedStage, startEncryptedStage } from "../support/encrypted-stage.ts";
import { testEnvironment } from "../support/gateway.ts";
import { matrixAgent, matrixOwner } from "../support/matrix-config.ts";
import { until } from "../support/until.ts";

const canaries = {
  said: "canary-said-in-secret-4712",
  answered: "canary-answered-in-secret-4712",
  edited: "canary-edited-in-secret-4712",
  threaded: "canary-said-in-a-thread-4712",
  unsigned: "canary-said-by-an-unsigned-device-4712",
  plain: "canary-said-in-the-open-4712",
  lost: "canary-without-its-key-4712",
  file: "canary-in-a-file-that-is-sent-4712",
  caption: "canary-of-a-picture-4712",
};
/** Whom and where is no secret; what is said is, and the gateway's own secrets. */
const all = [...Object.values(canaries), ...Object.values(testEnvironment)];

let on: EncryptedStage;
before(async () => {
  on = await startEncryptedStage({
    owner: { rotateEvery: 1 },
    script: ({ messages }) =>
      messages.at(-1)?.role === "tool" || !JSON.stringify(messages.at(-1)).includes(canaries.said)
        ? { text: canaries.answered }
        : { toolCalls: [{ name: "files_send", arguments: { name: "f.txt", content: canaries.file } }] },
    config: (toml) => `log_level = "debug"\n${toml.replace('"history_search"]', '"history_search", "files_send"]')}`,
  });
  await play();
});
after(() => on.stop());

async function play(): Promise<void> {
  const room = await on.room();
  const said = await on.owner.say(room, canaries.said);
  await on.answer(room, canaries.answered);
  await on.owner.say(room, canaries.edited, { edit: said });
  await on.owner.say(room, canaries.threaded, { thread: said });
  const { bytes, fileAt } = encryptFile(Buffer.from(canaries.caption));
  const file = fileAt(on.homeserver.addMedia(bytes, "application/octet-stream"));
  await on.owner.say(room, { msgtype: "m.image", body: canaries.caption, filename: "x.png", file });
  const lost = await on.owner.say(room, canaries.lost, { withholdKeys: true });
  await until(
    () => on.inbox(lost),
    ([row]) => row?.reason === "no key",
  );
  const unsigned = await on.owner.addUnsignedDevice();
  await unsigned.say(room, canaries.unsigned);
  await on.answer(room, /^I did not act on that/);
  await on.homeserver.say(room, matrixOwner, canaries.plain);
  await on.answer(room, /^I did not read that/);
  await until(
    () => on.stage.gateway.sql`select 1 from outbox where state in ('pending', 'sending')`,
    (open) => open.length === 0,
  );
}

test("nothing that was said in an encrypted room is in any column of any table, nor any secret", async () => {
  const { found, rows } = await scanDatabase(on.stage.gateway.sql, all);
  assert.deepEqual(found, []);
  assert.ok(rows > 500, `only ${rows} values were looked at`);
});

test("the log at debug level has none of it", () => {
  const log = on.stage.gateway.log();
  assert.match(log, /"level":"debug"/);
  assert.match(log, /a sender is not believed/);
  for (const canary of all) assert.ok(!log.includes(canary), canary);
});

test("the metrics and the health page have none of it, nor anybody's id", async () => {
  for (const path of ["/metrics", "/readyz"]) {
    const text = await (await fetch(on.stage.gateway.privateUrl + path)).text();
    for (const canary of [...all, matrixOwner, matrixAgent]) assert.ok(!text.includes(canary), `${path}: ${canary}`);
  }
});

test("the homeserver was shown none of what the agent said, nor its file", () => {
  const sent = JSON.stringify(on.homeserver.events.filter(({ sender }) => sender === matrixAgent));
  assert.ok(sent.includes("m.megolm.v1.aes-sha2"));
  for (const canary of all) assert.ok(!sent.includes(canary), canary);
  for (const { method, path } of on.homeserver.calls)
    assert.ok(!all.some((canary) => path.includes(canary)), `${method} ${path}`);
});
