import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Comparison } from "../../lib/audit/replay/compare.ts";
import type { Summary } from "../../lib/audit/replay/summary.ts";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { commitmentsOf, pendingOf, withApprovals } from "../support/approvals.ts";
import { claw as runClaw } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import { expectedHashes, journalOf, lastRun } from "../support/journal.ts";
import { type ModelServer, type Script, type ScriptedRequest, startModelServer } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
let stage: Stage;
let other: ModelServer;

/** Calls what the person says, as JSON of a list of [tool, arguments], all at once; then says what came of it. */
const calling: Script = ({ messages }) => {
  const last = messages.at(-1);
  const text = typeof last?.content === "string" ? last.content : "";
  if (last?.role === "tool") return { text: `It came to: ${resultsOf({ messages }).join(" | ")}` };
  const calls = JSON.parse(/\[.*$/s.exec(text)?.[0] ?? "[]") as [string, object][];
  if (calls.length === 0) return { text: "The boiler is fine and warm." };
  return { toolCalls: calls.map(([name, args]) => ({ name, arguments: args })) };
};

const resultsOf = ({ messages }: Pick<ScriptedRequest, "messages">): string[] =>
  messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));

before(async () => {
  other = await startModelServer(calling);
  stage = await startStage({
    script: calling,
    backend: "price = { input = 2, output = 10 }",
    config: (toml) =>
      withApprovals(toml).replace(
        "[rate]",
        `[backends.other]\nbase_url = "${other.url}"\napi_key = { env = "LLM_API_KEY" }\nmodel = "another"\nretries = 0\n\n[rate]`,
      ),
  });
});
beforeEach(() => other.setScript(calling));
after(async () => {
  await stage.stop();
  await other.stop();
});

const environment = (): Record<string, string> => ({
  ...testEnvironment,
  OPENCLAW_CONFIG: stage.gateway.holder.current.file,
  DATABASE_URL: stage.gateway.databaseUrl,
});

const claw = (...argv: string[]) => runClaw(environment(), "replay", ...argv);

async function replayed(...argv: string[]): Promise<{ comparisons: Comparison[]; summary: Summary }> {
  const { code, out, errors } = await claw(...argv, "--json");
  assert.equal(code, 0, errors);
  return JSON.parse(out) as { comparisons: Comparison[]; summary: Summary };
}

async function replayedOne(...argv: string[]): Promise<Comparison> {
  const [comparison, ...more] = (await replayed(...argv)).comparisons;
  assert.ok(comparison && more.length === 0);
  return comparison;
}

/** Has somebody say it, and returns their run once it was answered. */
async function said(text: string, person = stage.person()): Promise<{ id: string; person: number }> {
  await stage.say(person, text);
  await stage.heard(person);
  return { id: (await lastRun(stage.gateway.sql, person)).id, person };
}

const calls = (...list: [string, object?][]): string => JSON.stringify(list.map(([name, args]) => [name, args ?? {}]));

/** All that a replay must leave as it is. */
const untouched = async (): Promise<unknown> => {
  const [row] = await stage.gateway.sql`
    select (select count(*) from inbox) as inbox, (select count(*) from outbox) as outbox, (select count(*) from turns) as turns,
      (select count(*) from commitments) as commitments, (select count(*) from approvals) as approvals,
      (select count(*) from conversations) as conversations, (select count(*) from budgets) as budgets`;
  return row;
};

describe("claw replay", () => {
  test("shows the same where another backend does the same", async () => {
    const { id, person } = await said(calls(["time_now"], ["commitments_list", { include_done: false }]));
    const before = await untouched();
    const { code, out, errors } = await claw(id.slice(-8), "--backend", "other");
    assert.equal(code, 0, errors);
    assert.match(out, new RegExp(`^Run ${id} of ops, replayed by other as run [0-9a-f-]{36}\n\nCalls\n`));
    assert.match(out, /^ {2}= then time_now \{\} \(allow\)\n {4}now {2}time_now \{\} \(allow\)$/m);
    assert.match(out, /^ {2}model +main\/stand-in +other\/another$/m);
    assert.match(out, /^ {2}cost +0\.\d+ +unknown$/m);
    assert.match(out, /^Text: the same, word for word$/m);
    assert.deepEqual(await untouched(), before);
    const results = resultsOf(other.requests.at(-1)?.body as unknown as ScriptedRequest);
    assert.deepEqual(results, resultsOf(stage.model.requests.at(-1)?.body as unknown as ScriptedRequest));
    assert.equal(stage.count(person), 1);
  });

  test("is journalled as a run of its own, sealed and chained, under the run that it replays", async () => {
    const { id, person } = await said(calls(["time_now"]));
    const { replay, replayed: figures } = await replayedOne(id, "--backend", "other");
    const [row] = await stage.gateway.sql`select * from runs where id = ${replay}`;
    assert.deepEqual(
      ["trigger", "parent_run_id", "state", "principal", "agent", "steps", "cost"].map((key) => String(row?.[key])),
      ["replay", id, "done", `telegram:${person}`, "ops", "2", "null"],
    );
    assert.equal(figures.models[0], "other/another");
    const entries = await journalOf(stage.gateway.sql, replay);
    assert.deepEqual(
      entries.map(({ type }) => type),
      [
        ...["run.started", "llm.requested", "llm.answered", "tool.requested", "tool.finished"],
        ...["llm.requested", "llm.answered", "run.finished"],
      ],
    );
    assert.equal(entries[0]?.["trigger"], "replay");
    assert.ok(entries[2]?.["provider_request_id"] && entries[2]["response_model"] === "another");
    assert.deepEqual(
      entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
      expectedHashes(entries),
    );
    const refused = await claw(replay);
    assert.deepEqual([refused.code, refused.out], [1, ""]);
    assert.match(refused.errors, /it is a replay itself/);
  });

  test("does nothing that a tool would do, and gives the model what was recorded of it", async () => {
    const { id, person } = await said(calls(["commitments_complete", { id: 4711 }]));
    assert.equal(await commitmentsOf(stage.gateway.sql, `telegram:${person}`), 0);
    const before = await untouched();
    other.setScript((request) =>
      request.messages.at(-1)?.role === "tool"
        ? { text: `Then: ${resultsOf(request).join(" | ")}` }
        : { toolCalls: [{ name: "commitments_complete", arguments: { id: 4711 } }] },
    );
    const { pairs, replayed: figures } = await replayedOne(id, "--backend", "other");
    assert.deepEqual(
      [pairs[0]?.change, pairs[0]?.replayed?.outcome, pairs[0]?.replayed?.source],
      ["same", "error", "same call"],
    );
    assert.equal(figures.text, "Then: There is no commitment #4711; list them for their ids.");
    assert.deepEqual(await untouched(), before);
  });

  test("a call that acts is answered by its record: an approved one by what it did, one that was refused by the refusal", async () => {
    const person = stage.person();
    const said = stage.say(person, calls(["commitments_add", { text: "paint the door" }]));
    const { code } = await pendingOf(stage.gateway.sql, `telegram:${person}`);
    await said;
    assert.equal((await runClaw(environment(), "approvals", "approve", code)).code, 0);
    await until(async () => (await lastRun(stage.gateway.sql, person))["state"] === "done");
    const { id } = await lastRun(stage.gateway.sql, person);
    assert.equal(await commitmentsOf(stage.gateway.sql, `telegram:${person}`), 1);
    const before = await untouched();
    const { pairs, recorded, replayed: figures, replay } = await replayedOne(id, "--backend", "other");
    assert.equal(figures.text, recorded.text);
    assert.match(figures.text, /Added #\d+ paint the door/);
    assert.deepEqual([pairs[0]?.replayed?.decision, pairs[0]?.replayed?.approval], ["ask", "approved"]);
    assert.deepEqual(await untouched(), before);
    const [asked] = (await journalOf(stage.gateway.sql, replay)).filter(({ type }) => type === "approval.decided");
    assert.equal(asked?.["approver"], "recorded:operator");

    // The same tool with other words: nobody agreed to those.
    other.setScript(({ messages }) =>
      messages.at(-1)?.role === "tool"
        ? { text: resultsOf({ messages }).join() }
        : { toolCalls: [{ name: "commitments_add", arguments: { text: "sell the house" } }] },
    );
    const bold = await replayedOne(id, "--backend", "other");
    assert.deepEqual(
      [bold.pairs[0]?.change, bold.pairs[0]?.replayed?.outcome, bold.pairs[0]?.replayed?.wouldAsk],
      ["arguments", "denied", true],
    );
    assert.match(bold.replayed.text, /^Not done/);
    assert.deepEqual(await untouched(), before);
    assert.match((await claw(id, "--backend", "other")).out, /"sell the house"\} \(ask, would ask\)$/m);
  });

  test("shows another tool, and a call that was never made then, side by side with what was", async () => {
    const { id } = await said(calls(["time_now"]));
    other.setScript(({ messages }) =>
      messages.at(-1)?.role === "tool"
        ? { text: resultsOf({ messages }).join() }
        : { toolCalls: [{ name: "commitments_list", arguments: {} }] },
    );
    const { pairs, sameCalls, replayed: figures } = await replayedOne(id, "--backend", "other");
    assert.equal(sameCalls, false);
    assert.deepEqual(
      pairs.map(({ change, recorded, replayed: now }) => [change, (recorded ?? now)?.tool, now?.source]),
      [
        ["gone", "time_now", undefined],
        ["new", "commitments_list", "nothing"],
      ],
    );
    assert.equal(figures.text, "There is no result: in the run that is replayed this was not called.");
  });

  test("decides by the config of now: what it took away since is denied, and shown first", async () => {
    const { id } = await said(calls(["time_now"], ["commitments_list"]));
    try {
      stage.gateway.rewrite(stage.toml.replace('tools = ["time_now", ', 'deny = ["time_now"]\ntools = ["time_now", '));
      const { out, code } = await claw(id, "--backend", "other");
      assert.equal(code, 0);
      assert.match(
        out,
        /^Decisions that differ\n {2}time_now \{\}\n {4}then allow: agents\.ops\.tools .*\n {4}now {2}deny: agents\.ops\.deny "time_now"\n\nCalls\n/m,
      );
      assert.match(out, /^Text: \[-recorded-\] \{\+replayed\+\}\n[^]*\{\+Not permitted/m);
    } finally {
      stage.gateway.rewrite(stage.toml);
    }
  });

  test("puts a prompt in the place of the agent's, and leaves the rest of the instructions", async () => {
    const { id } = await said("how is the boiler?");
    const file = join(dirname(environment()["OPENCLAW_CONFIG"] ?? ""), "other-prompt.md");
    writeFileSync(file, "You talk like a pirate.\n");
    const { notes, replay } = await replayedOne(id, "--backend", "other", "--prompt", file);
    assert.deepEqual(notes, []);
    const [system] = other.requests.at(-1)?.body["messages"] as { role: string; content: string }[];
    assert.match(system?.content ?? "", /^You talk like a pirate\.\n\nYou are the agent "ops"\. Today is /);
    const [row] = await stage.gateway.sql`
      select r.prompt_hash <> o.prompt_hash as differs from runs r join runs o on o.id = r.parent_run_id where r.id = ${replay}`;
    assert.equal(row?.["differs"], true);
  });

  test("many since a time: says what they take, wants a yes, and sums them up", async () => {
    const { sql } = stage.gateway;
    const since = (await sql<{ now: Date }[]>`select now() as now`)[0]?.now.toISOString() ?? "";
    const ids = [await said(calls(["time_now"])), await said("hello"), await said("well?")].map(({ id }) => id);
    await sql`update run_keys set wrapped = null where run_id = ${ids[2] ?? ""}`;
    const unasked = await claw("--since", since, "--backend", "other");
    assert.equal(unasked.code, 1);
    assert.match(
      unasked.errors,
      /^3 runs, which took \d+ tokens of input and \d+ of output; as much again would cost an unknown/,
    );
    assert.match(unasked.errors, /nobody is here to answer/);
    other.setScript(({ messages }) => ({ text: messages.length > 2 ? "What?" : "Ahoy." }));
    const { comparisons, summary } = await replayed("--since", since, "--agent", "ops", "--backend", "other", "--yes");
    assert.deepEqual(
      comparisons.map(({ run }) => run),
      ids.slice(0, 2),
    );
    assert.deepEqual([summary.runs, summary.sameCalls, summary.decisionsDiffer], [2, 1, []]);
    assert.equal(summary.skipped[0]?.run, ids[2]);
    assert.ok((summary.before.cost ?? 0) > 0 && summary.after.cost === null);
    const none = await claw("--since", "2999-01-01", "--yes");
    assert.deepEqual([none.code, none.out, none.errors], [0, "", "No run in which a model was asked fits.\n"]);
  });

  test("an erased run, a running one, a run that is not there and names that are not in the config are told apart", async () => {
    const { id } = await said("hello");
    await stage.gateway.sql`update run_keys set wrapped = null where run_id = ${id}`;
    assert.match((await claw(id)).errors, /cannot be replayed: its payloads were erased/);
    assert.match((await claw("00000000-0000-4000-8000-000000000000")).errors, /^there is no run 0000/);
    assert.match((await claw("ffffffffff")).errors, /^there is no run ffffffffff; /);
    assert.match((await claw(id, "--backend", "othr")).errors, /there is no backend "othr"; .*other/);
    assert.match((await claw()).errors, /give a run's id, or --since/);
  });

  test("a run that the gateway may no longer open is replayed by the operator's identity", async (t) => {
    const { gateway, toml } = stage;
    const identity = await generateIdentity();
    const set = (text: string): void => {
      gateway.rewrite(text);
      assert.equal(gateway.holder.reload().taken, true);
    };
    t.after(() => set(toml));
    set(`${toml}\n[audit]\nrecipient = "${await identityToRecipient(identity)}"\n`);
    await until(async () => (await gateway.sql`select 1 from audit_keys`).length > 0);
    const { id } = await said("hello");
    await gateway.sql`update run_keys set wrapped = null where run_id = ${id}`;
    assert.match((await claw(id)).errors, /cannot be replayed/);
    const file = join(dirname(gateway.holder.current.file), "identity.txt");
    writeFileSync(file, `# mine\n${identity}\n`);
    assert.equal((await replayedOne(id, "--backend", "other", "--identity", file)).replayed.state, "done");
  });

  test("a model that fails is a replay that failed, and costs nobody anything", async () => {
    const { id } = await said("hello");
    other.setScript({ status: 500, body: {} });
    const { replayed: figures, replay } = await replayedOne(id, "--backend", "other");
    assert.deepEqual([figures.state, figures.error], ["failed", "backend_failed"]);
    const [row] = await stage.gateway.sql`select state, error from runs where id = ${replay}`;
    assert.deepEqual([row?.["state"], row?.["error"]], ["failed", "backend_failed"]);
  });

  test("a killed one is ended by the gateway, and nobody goes on with it; a stopped one ends itself", async () => {
    const { sql } = stage.gateway;
    const { id } = await said("hello");
    for (const [signal, state] of [
      ["SIGKILL", "failed"],
      ["SIGINT", "cancelled"],
    ] as const) {
      other.setScript({ hang: true });
      const asked = other.requests.length;
      const child = spawn(process.execPath, [join(root, "functions/claw.ts"), "replay", id, "--backend", "other"], {
        ...{ cwd: root, env: environment(), stdio: "ignore" },
      });
      const closed = once(child, "close");
      await until(async () => other.requests.length > asked);
      child.kill(signal);
      await closed;
      const left = () =>
        sql`select state from runs where trigger = 'replay' and parent_run_id = ${id} order by started_at desc limit 1`;
      await until(async () => (await left())[0]?.["state"] === state);
      assert.equal(other.requests.length, asked + 1);
    }
  });
});
