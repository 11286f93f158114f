import assert from "node:assert/strict";
import { test } from "node:test";
import { messageTool } from "../../../lib/tools/message.ts";
import { call } from "./support.ts";

test("message_send hands over the destination's name, the text and the call's key, and names what there is", async () => {
  const sent: string[][] = [];
  const tool = messageTool(["kitchen", "ops"]);
  assert.match(tool.description, /to one of: kitchen, ops\./);
  assert.match(messageTool([]).description, /none configured/);
  const told = await call(
    tool,
    { to: "kitchen", text: " **Dinner** " },
    { sendMessage: async (...given) => void sent.push(given), callKey: "run-1:7" },
  );
  assert.equal(told, "The message to kitchen is on its way.");
  assert.deepEqual(sent, [["kitchen", "**Dinner**", "run-1:7"]]);
});

test("message_send sends out: it acts, and is egress, whatever else is granted", () => {
  const { labels, effect } = messageTool([]);
  assert.deepEqual([labels, effect], [["act", "egress"], "keyed"]);
});

test("message_send takes no empty text, no overlong one, and no other arguments", () => {
  for (const input of [
    { to: "kitchen", text: " " },
    { to: "", text: "x" },
    { to: "kitchen", text: "x".repeat(4_001) },
    { to: "kitchen", text: "x", room: "!evil:evil.example" },
  ])
    assert.throws(() => call(messageTool(["kitchen"]), input), JSON.stringify(input).slice(0, 80));
});
