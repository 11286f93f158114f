/** A model server that answers nonsense ends no lane: the person hears something, and the next message is answered. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

const stream = (...chunks: readonly object[]): { raw: string } => ({
  raw: `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`,
});
const said = { delta: { content: "Odd." }, finish_reason: "stop" };
const usage = { prompt_tokens: 1, completion_tokens: 2 };
const long = Array.from({ length: 9_000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join("");

const answers: Record<string, { raw: string }> = {
  "an id with a NUL": stream({ id: "a\0b", choices: [said] }),
  "an id with half a character": stream({ id: "a\ud800b", choices: [said] }),
  "an id longer than an index takes": stream({ id: long, choices: [said] }),
  "a model's name with a NUL": stream({ model: "m\0", choices: [said] }),
  "a finish reason with a NUL": stream({ choices: [{ ...said, finish_reason: "stop\0" }] }),
  "half a token": stream({ choices: [said], usage: { prompt_tokens: 1.5, completion_tokens: 2 } }),
  "more tokens than there are": stream({ choices: [said], usage: { prompt_tokens: 1e300, completion_tokens: 2 } }),
  "cached tokens without end": stream({
    choices: [said],
    usage: { ...usage, prompt_tokens_details: { cached_tokens: 1e30 } },
  }),
  "a cost beyond measure": stream({ choices: [said], usage: { ...usage, cost: 1e200 } }),
  "a NUL in the text": stream({ choices: [{ ...said, delta: { content: "O\0dd\ud800." } }] }),
};

for (const [name, answer] of Object.entries(answers))
  test(`${name} is heard and answered after`, async () => {
    const person = stage.person();
    stage.model.setScript(answer);
    await stage.say(person, "hi");
    assert.match(await stage.heard(person), /O.?dd/);
    stage.model.setScript({ text: "Hello." });
    await stage.say(person, "hi");
    assert.equal(await stage.heard(person), "Hello.");
  });

test("a tool call with a NUL in its id and its name is refused, and the run goes on", async () => {
  const person = stage.person();
  const call = { index: 0, id: "c\0\ud800", function: { name: "x\0\ud800", arguments: '{"a":"\\u0000\\ud800"}' } };
  const turns = [
    stream({ choices: [{ delta: { tool_calls: [call] }, finish_reason: "tool_calls" }] }),
    { text: "Done." },
  ];
  stage.model.setScript(turns);
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Done.");
});

test("a tool call nested without end is refused, and the run goes on", async () => {
  const person = stage.person();
  const nested = `{"text":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
  stage.model.setScript([{ toolCalls: [{ name: "commitments_add", arguments: nested }] }, { text: "Done." }]);
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Done.");
});

test("more tool calls at once than anybody makes are no answer, and the next message is answered", async () => {
  const person = stage.person();
  const toolCalls = Array.from({ length: 5_000 }, () => ({ name: "time_now", arguments: {} }));
  stage.model.setScript({ toolCalls });
  await stage.say(person, "hi");
  assert.match(await stage.heard(person), /^I cannot think just now/);
  stage.model.setScript({ text: "Hello." });
  await stage.say(person, "hi");
  assert.equal(await stage.heard(person), "Hello.");
});
