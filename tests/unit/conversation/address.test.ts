import assert from "node:assert/strict";
import { test } from "node:test";
import type { InboundMessage, Principal } from "../../../lib/channel/types.ts";
import { chooseAgent } from "../../../lib/conversation/address.ts";
import { loadWorld } from "../policy/support.ts";

const room = "!ops:home.example";
const desk = `[groups.desk]\nrooms = ["matrix:${room}", "telegram:-5"]\nagents = ["ops"]\n`;

const message = (principal: Principal, destination: InboundMessage["destination"]): InboundMessage => ({
  principal,
  destination,
  text: "hello",
  attachments: [],
  shared: true,
  sentAt: "2026-11-24T00:00:00Z",
});

test("somebody in a group's room gets its agent there, and none in another room or in private", (t) => {
  const config = loadWorld(t, "", desk);
  const user = "@agent_ops:home.example";
  const onMatrix = (where: string) => message("matrix:@guest:h.example", { channel: "matrix", user, room: where });
  assert.equal(chooseAgent(config, onMatrix(room), undefined)?.name, "ops");
  assert.equal(chooseAgent(config, onMatrix("!other:home.example"), undefined), undefined);
  const onTelegram = (chat: number) => message("telegram:77", { channel: "telegram", bot: "home", chat });
  assert.equal(chooseAgent(config, onTelegram(-5), undefined)?.name, "ops");
  for (const chat of [-6, 77]) assert.equal(chooseAgent(config, onTelegram(chat), "ops"), undefined);
});

test("what was scheduled is for the agent it was scheduled with, where that may still answer, and for nobody else", (t) => {
  const config = loadWorld(t, "", desk);
  const user = "@agent_ops:home.example";
  const scheduled = (agent: string) => ({ id: 1, agent, taint: [], asked: "", when: "", due: "" });
  const onMatrix = (agent: string, where = room) => ({
    ...message("matrix:@guest:h.example", { channel: "matrix", user, room: where }),
    scheduled: scheduled(agent),
  });
  assert.equal(chooseAgent(config, onMatrix("ops"), undefined)?.name, "ops");
  assert.equal(chooseAgent(config, onMatrix("helper"), undefined), undefined);
  assert.equal(chooseAgent(config, onMatrix("ops", "!other:home.example"), undefined), undefined);
  const onTelegram = (agent: string, chat = 123456789, bot = "home") => ({
    ...message("telegram:123456789", { channel: "telegram", bot, chat }),
    scheduled: scheduled(agent),
  });
  assert.equal(chooseAgent(config, onTelegram("ops"), undefined)?.name, "ops");
  // None that is on Telegram; a group the bot does not answer in any more; a bot that is gone.
  assert.equal(chooseAgent(config, onTelegram("helper"), "ops"), undefined);
  assert.equal(chooseAgent(config, onTelegram("ops", -5), "ops"), undefined);
  assert.equal(chooseAgent(config, onTelegram("ops", 123456789, "gone"), "ops"), undefined);
});
