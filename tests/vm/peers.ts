/** The stand-ins of the NixOS test: a model that repeats what it is told, and a Telegram that prints what is sent to it. */
import { startBotApi } from "../support/bot-api.ts";
import { repeat } from "../live/support/encrypted-stage.ts";
import { startModelServer } from "../support/model-server.ts";

const [modelPort, telegramPort] = process.argv.slice(2).map(Number);
const model = await startModelServer(repeat, { port: modelPort ?? 0 });
const telegram = await startBotApi({ port: telegramPort ?? 0 });
console.log(`model ${model.url}, Telegram ${telegram.url}`);

let printed = 0;
setInterval(() => {
  const sent = telegram.sent();
  for (const { chat, text } of sent.slice(printed)) console.log(`sent to ${chat.id}: ${text}`);
  printed = sent.length;
}, 200);
