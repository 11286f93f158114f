import assert from "node:assert/strict";
import { test } from "node:test";
import { type Commitment, type CommitmentStore, commitmentTools } from "../../../lib/tools/commitments.ts";
import { runGrantedWhole } from "../../support/granted.ts";
import { ada, call, testContext } from "./support.ts";

const commitment = (more: Partial<Commitment> = {}): Commitment => ({
  id: 1,
  text: "call the plumber",
  due: undefined,
  createdAt: new Date(0),
  completedAt: undefined,
  taint: [],
  ...more,
});

/** The tools over a store that keeps what it was asked and answers what it is told to. */
function setUp(answers: { list?: Commitment[]; add?: Commitment | "full"; complete?: Commitment } = {}) {
  const asked: unknown[][] = [];
  const store: CommitmentStore = {
    list: async (...given) => (asked.push(["list", ...given]), answers.list ?? []),
    add: async (...given) => (asked.push(["add", ...given]), answers.add ?? commitment()),
    complete: async (...given) => (asked.push(["complete", ...given]), answers.complete),
  };
  let maxOpen = 3;
  const tools = new Map(commitmentTools(store, () => maxOpen).map((tool) => [tool.name, tool]));
  return { tools, asked, setMax: (next: number) => void (maxOpen = next) };
}

test("commitments_list shows ids, due dates and what is done, open ones unless asked for all", async () => {
  const list = [commitment({ due: "2030-01-01" }), commitment({ id: 2, text: "rest", completedAt: new Date(1) })];
  const { tools, asked } = setUp({ list });
  const listing = tools.get("commitments_list");
  assert.equal(await call(listing, {}), "#1 call the plumber (due 2030-01-01)\n#2 [done] rest");
  await call(listing, { include_done: true });
  assert.deepEqual(asked, [
    ["list", ada, { includeDone: false }],
    ["list", ada, { includeDone: true }],
  ]);
  assert.equal(await call(setUp().tools.get("commitments_list"), {}), "No commitments.");
});

test("commitments_list gives code the same with instants", async () => {
  const list = [
    commitment({ due: "2030-01-01" }),
    commitment({ id: 2, text: "rest", completedAt: new Date("2026-01-02T03:04:05Z") }),
  ];
  const { data } = await runGrantedWhole(setUp({ list }).tools.get("commitments_list")!, {}, testContext());
  const createdAt = "1970-01-01T00:00:00.000Z";
  assert.deepEqual(data, {
    commitments: [
      { id: 1, text: "call the plumber", due: "2030-01-01", createdAt, completedAt: null },
      { id: 2, text: "rest", due: null, createdAt, completedAt: "2026-01-02T03:04:05.000Z" },
    ],
  });
});

test("a job has no commitments of its own, which is an error and no empty list", async () => {
  const { tools, asked } = setUp();
  const inputs = { commitments_list: {}, commitments_add: { text: "x" }, commitments_complete: { id: 1 } };
  for (const [name, input] of Object.entries(inputs))
    await assert.rejects(call(tools.get(name), input, { principal: "job:task-review" }), {
      code: "bad_request",
      message: /jobs\.task-review\.for/,
    });
  assert.deepEqual(asked, []);
});

test("commitments_add adds for the person of the run, by the call's key and the limit of the moment", async () => {
  const { tools, asked, setMax } = setUp({ add: commitment({ due: "2030-01-01" }) });
  const add = tools.get("commitments_add");
  const input = { text: "  call the plumber ", due: "2030-01-01" };
  assert.equal(await call(add, input), "Added #1 call the plumber (due 2030-01-01)");
  setMax(7);
  await call(add, { text: "x" }, { callKey: "run-1:call-2", principal: "matrix:@me:home.example" });
  assert.deepEqual(asked, [
    ["add", ada, { text: "call the plumber", due: "2030-01-01", taint: [], callKey: "run-1:call-1", maxOpen: 3 }],
    ["add", "matrix:@me:home.example", { text: "x", due: undefined, taint: [], callKey: "run-1:call-2", maxOpen: 7 }],
  ]);
});

test("commitments_add says when there are too many, and takes no empty text, odd date or other person", async () => {
  const { tools, asked } = setUp({ add: "full" });
  const add = tools.get("commitments_add");
  await assert.rejects(call(add, { text: "x" }), { code: "limit_reached", message: /There are 3 open commitments/ });
  assert.equal(asked.length, 1);
  for (const input of [
    { text: " " },
    { text: "x".repeat(501) },
    { text: "x", due: "tomorrow" },
    { text: "x", due: "2030-02-30" },
    { text: "x", principal: "telegram:2" },
  ])
    assert.throws(() => call(add, input), JSON.stringify(input));
  assert.equal(asked.length, 1);
});

test("commitments_complete ends the person's own, and says so where there is none", async () => {
  const { tools, asked } = setUp({ complete: commitment({ completedAt: new Date(1) }) });
  assert.equal(await call(tools.get("commitments_complete"), { id: 1 }), "Done: #1 [done] call the plumber");
  assert.deepEqual(asked, [["complete", ada, 1]]);
  const none = setUp().tools.get("commitments_complete");
  await assert.rejects(call(none, { id: 9 }), { code: "not_found", message: /no commitment #9/ });
  for (const id of [0, -1, 1.5, "1"]) assert.throws(() => call(none, { id }));
});
