import assert from "node:assert/strict";
import { test } from "node:test";
import { createTelegramChannel } from "../../../lib/telegram/channel.ts";
import { startBotApi } from "../../support/bot-api.ts";
import { group, memoryLog, testBot, testConfig } from "./support.ts";

test("a run over 8 s shows one silent line, edited in place and deleted at the end, unless that is turned off", async (t) => {
  const api = await startBotApi();
  t.after(() => api.stop());
  // The first call loads grammY: before the clock stands still.
  const present = (progress: boolean) =>
    createTelegramChannel({
      config: () => testConfig(testBot({ api_root: api.url, progress })),
      log: memoryLog().log,
    }).present({ channel: "telegram", bot: "main", chat: group, topic: 5 });
  const warm = present(false);
  await api.waitFor((call) => call.method === "sendChatAction");
  await warm.end();

  t.mock.timers.enable({ apis: ["setTimeout"] });
  const silent = present(false);
  const presence = present(true);
  silent.progress("alerts_list …");
  presence.progress("alerts_list …");
  t.mock.timers.tick(8_000);
  t.mock.timers.reset();
  const shown = await api.waitFor((call) => call.method === "sendMessage");
  assert.deepEqual(shown.payload, {
    chat_id: group,
    message_thread_id: 5,
    text: "⏳ alerts_list …",
    disable_notification: true,
    link_preview_options: { is_disabled: true },
  });
  presence.progress("calendar_agenda …");
  const edited = await api.waitFor((call) => call.method === "editMessageText");
  assert.equal(edited.payload["text"], "⏳ calendar_agenda …");
  assert.deepEqual(edited.payload["link_preview_options"], { is_disabled: true });
  assert.equal(api.sent(group).length, 1);
  await presence.end();
  await silent.end();
  assert.equal(api.sent(group).length, 0);
  assert.equal(api.calls.filter((call) => call.method === "sendMessage").length, 1);
});
