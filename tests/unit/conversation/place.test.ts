import assert from "node:assert/strict";
import { test } from "node:test";
import { destinationOf } from "../../../lib/conversation/place.ts";
import { load, valid } from "../config/support.ts";

const more = `
[agents.helper]
description = "Helps"
backend = "main"
prompt = "ops.md"
telegram = true
matrix = { localpart = "agent_helper", rooms = ["!kitchen:home.example"] }

[agents.silent]
description = "On no channel"
backend = "main"
prompt = "ops.md"

[telegram.kids]
token = { env = "TELEGRAM_TOKEN_2" }
webhook_secret = { env = "TELEGRAM_WEBHOOK_SECRET" }
agent = "helper"
`;

test("a place is where the agent speaks as its own user, or by a bot whose agent it is", (t) => {
  const config = load(t, valid + more, { TELEGRAM_TOKEN_2: "222:x" });
  const inRoom = (user: string) => ({
    lane: `matrix:${user}|!kitchen:home.example`,
    destination: { channel: "matrix", user, room: "!kitchen:home.example" },
  });
  const inChat = (bot: string) => ({
    lane: `telegram:${bot}:-100`,
    destination: { channel: "telegram", bot, chat: -100 },
  });
  const room = "matrix:!kitchen:home.example";
  assert.deepEqual(destinationOf(config, room, "ops"), inRoom("@agent_ops:home.example"));
  // Nobody named: the agent that is in the room by config, else the first.
  assert.deepEqual(destinationOf(config, room), inRoom("@agent_helper:home.example"));
  const elsewhere = destinationOf(config, "matrix:!ops:home.example")?.destination;
  assert.equal(elsewhere?.channel === "matrix" && elsewhere.user, "@agent_ops:home.example");

  assert.deepEqual(destinationOf(config, "telegram:-100", "helper"), inChat("kids"));
  assert.deepEqual(destinationOf(config, "telegram:-100", "silent"), inChat("home"));
  assert.deepEqual(destinationOf(config, "telegram:-100"), inChat("home"));
  assert.deepEqual(destinationOf(config, "telegram:-100", "ops", "kids"), inChat("kids"));
});

test("there is no place where nobody could speak, nor at a person's Matrix id", (t) => {
  const config = load(t, valid + more, { TELEGRAM_TOKEN_2: "222:x" });
  assert.equal(destinationOf(config, "matrix:!kitchen:home.example", "silent"), undefined);
  assert.equal(destinationOf(config, "matrix:!kitchen:home.example", "constructor"), undefined);
  assert.equal(destinationOf(config, "matrix:@me:home.example"), undefined);
  assert.equal(destinationOf(config, "telegram:-100", "ops", "gone"), undefined);
  assert.equal(destinationOf(config, "telegram:me"), undefined);
});
