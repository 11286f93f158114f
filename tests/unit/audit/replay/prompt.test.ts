import assert from "node:assert/strict";
import { test } from "node:test";
import { withPrompt } from "../../../../lib/audit/replay/prompt.ts";
import { permissiveScope } from "../../../support/granted.ts";

const { agent } = permissiveScope();
const person = { role: "user", text: "hello" } as const;

test("the agent's prompt is replaced, and what code wrote after it stays", () => {
  const recorded = [{ role: "system", text: `${agent.prompt}\n\nToday is Monday.` } as const, person];
  const { messages, whole } = withPrompt(recorded, agent, "Be long.\n");
  assert.deepEqual([messages, whole], [[{ role: "system", text: "Be long.\n\nToday is Monday." }, person], false]);
});

test("where the recorded prompt was another one, the whole system message is replaced and that is said", () => {
  const { messages, whole } = withPrompt(
    [{ role: "system", text: "Be brief. Today is Monday." }, person],
    agent,
    "Be long.",
  );
  assert.deepEqual([messages, whole], [[{ role: "system", text: "Be long." }, person], true]);
  assert.deepEqual(withPrompt([person], agent, "Be long.").messages, [{ role: "system", text: "Be long." }, person]);
});
