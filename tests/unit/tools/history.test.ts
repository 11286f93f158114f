import assert from "node:assert/strict";
import { test } from "node:test";
import { historyTool, type SpokenTurn, type TurnReader } from "../../../lib/tools/history.ts";
import { ada, call } from "./support.ts";

const turn = (said: string, answered = "I see."): SpokenTurn => ({
  at: new Date("2026-01-02T12:00:00Z"),
  said,
  answered,
  taint: [],
});

/** The tool over turns, with who was asked for and how many turns were read. */
function setUp(turns: readonly SpokenTurn[]) {
  const asked: Parameters<TurnReader>[0][] = [];
  const read = { count: 0 };
  let days = 30;
  const tool = historyTool(
    async function* (who) {
      asked.push(who);
      for (const each of turns) {
        read.count += 1;
        yield each;
      }
    },
    () => days,
  );
  return { tool, asked, read, setDays: (next: number) => void (days = next) };
}

test("history_search finds turns that hold all words, in any case, in either's part", async () => {
  const { tool } = setUp([turn("The BOILER is cold"), turn("boiler", "Call the Plumber."), turn("the plumber came")]);
  assert.equal(
    await call(tool, { query: "plumber boiler" }),
    "2 Jan 2026, 13:00\nPerson: boiler\nYou: Call the Plumber.",
  );
  assert.equal((await call(tool, { query: "boiler" })).split("\n\n").length, 2);
  assert.equal(await call(tool, { query: "chimney" }), 'Nothing found for "chimney" in the last 30 days.');
});

test("history_search reads the person's turns with this agent, in a shared room that conversation's alone", async () => {
  const { tool, asked, setDays } = setUp([]);
  await call(tool, { query: "xy" });
  setDays(1);
  await call(tool, { query: "xy" }, { shared: true });
  assert.deepEqual(asked, [
    { principal: ada, agent: "ops", conversationId: undefined, since: new Date("2026-02-27T00:59:00Z") },
    { principal: ada, agent: "ops", conversationId: "conversation-1", since: new Date("2026-03-28T00:59:00Z") },
  ]);
});

test("history_search stops reading once it has enough, or is cancelled", async () => {
  const many = Array.from({ length: 100 }, () => turn("boiler"));
  const enough = setUp(many);
  assert.equal((await call(enough.tool, { query: "boiler", limit: 2 })).split("\n\n").length, 2);
  assert.equal(enough.read.count, 3);
  const cancelled = setUp(many);
  await call(cancelled.tool, { query: "boiler" }, { signal: AbortSignal.abort() });
  assert.equal(cancelled.read.count, 1);
});

test("history_search cuts a long text to what surrounds the first word found", async () => {
  const { tool } = setUp([turn(`${"a ".repeat(500)}boiler${" z".repeat(500)}`)]);
  const [, said = ""] = /Person: (.*)/.exec(await call(tool, { query: "boiler" })) ?? [];
  assert.match(said, /^….*boiler.*…$/);
  assert.equal(said.length, 402);
});

test("history_search takes no empty query, no other limit and nobody else's name", () => {
  const { tool } = setUp([]);
  for (const input of [{ query: " x " }, { query: "xy", limit: 11 }, { query: "xy", principal: "telegram:2" }])
    assert.throws(() => call(tool, input));
});
