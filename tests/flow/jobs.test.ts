import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import "../support/jobs/function.ts";
import { ask, attemptsOf, first, hurryAll, operator, second, withJob } from "../support/jobs/jobs.ts";
import { type Source, startSource } from "../support/jobs/source.ts";
import { expectedHashes, journalOf } from "../support/journal.ts";
import type { Script } from "../support/model-server.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

let stage: Stage;
let sources: readonly [Source, Source];
let config: string;

before(async () => {
  sources = await Promise.all([startSource(), startSource()]);
  stage = await startStage({
    script: told,
    config: (toml) =>
      (config = withJob(
        toml,
        sources.map(({ url }) => url),
      )),
  });
});
after(async () => {
  await stage.stop();
  await Promise.all(sources.map((source) => source.stop()));
});

/** A model that repeats the titles it was told. */
const told: Script = ({ messages }) => ({
  text: `News: ${[...String(messages.at(-1)?.content).matchAll(/\[\d+\] (.*)/g)].map(([, title]) => title).join(", ")}`,
});

beforeEach(() => {
  stage.botApi.reset();
  stage.model.setScript(told);
  stage.model.requests.length = 0;
  for (const source of sources) {
    Object.assign(source, { down: false, unmarkable: false, reads: 0 });
    source.marks.length = 0;
  }
  sources[0].items = [{ id: 1, title: "The boiler is cold" }];
  sources[1].items = [{ id: 2, title: "The door is open" }];
});

let day = 0;
/** A slot that no test has asked for. */
const freshSlot = (): string => `2026-01-${String(++day).padStart(2, "0")}T08:00`;

const post = (query: string) => ask(stage.gateway.privateUrl, `/jobs/news?${query}`);
const run = (slot = freshSlot(), more = "") => post(`wait=1&slot=${slot}${more}`);
const texts = (chat: number): string[] => stage.botApi.sent(chat).map(({ text }) => text);

/** With other settings of the job, until the returned function is called. */
function reconfigured(change: (toml: string) => string): () => void {
  const take = (toml: string): void => {
    stage.gateway.rewrite(toml);
    assert.deepEqual(stage.gateway.holder.reload(), { taken: true });
  };
  take(change(config));
  return () => take(config);
}

describe("a slot that is asked for", () => {
  test("is read, told to the model, delivered in every place, and marked only then", async () => {
    const { status, body } = await run();
    assert.deepEqual([status, body.state, body["attempt"], body["cause"]], [202, "done", 1, "hand"]);
    for (const chat of [first, second]) assert.deepEqual(texts(chat), ["News: The boiler is cold, The door is open"]);
    assert.deepEqual([sources[0].marks, sources[1].marks], [["1"], ["2"]]);
    assert.equal(stage.model.requests.length, 1);
    const sent = await stage.gateway.sql<{ at: Date }[]>`select max(sent_at) as at from outbox`;
    const [marked] = await stage.gateway.sql<{ at: Date }[]>`
      select started_at as at from runs where parent_run_id = ${body.run} and trigger = 'job'`;
    assert.ok(marked && sent[0] && marked.at >= sent[0].at);
  });

  test("opens its run's journal with its sources, each decided by the job's own list", async () => {
    const { body } = await run();
    const entries = await journalOf(stage.gateway.sql, body.run);
    assert.deepEqual(
      entries.map(({ type }) => type),
      [
        ...["run.started", "tool.requested", "tool.requested", "tool.finished", "tool.finished"],
        ...["llm.requested", "llm.answered", "run.finished"],
      ],
    );
    assert.equal(entries[1]?.["rule"], 'agents.ops.tools "source_*" & jobs.news.tools "source_*"');
    assert.equal(entries[3]?.["taint"], "tool:source_read");
    assert.deepEqual(
      entries.map(({ hash }) => Buffer.from(hash).toString("hex")),
      expectedHashes(entries),
    );
    const [row] = await stage.gateway.sql`select * from runs where id = ${body.run}`;
    assert.deepEqual(
      [row?.["trigger"], row?.["principal"], row?.["lane"], row?.["job"], row?.["attempt"], row?.["state"]],
      ["job", "job:news", "job:news", "news", 1, "done"],
    );
  });

  test("runs once, however often it is asked for at once", async () => {
    const slot = freshSlot();
    const answers = await Promise.all(Array.from({ length: 25 }, () => run(slot)));
    assert.equal(answers.filter(({ status }) => status === 202).length, 1);
    assert.deepEqual(new Set(answers.map(({ body }) => `${body.run} ${body.state}`)).size, 1);
    assert.equal(stage.model.requests.length, 1);
    assert.deepEqual([texts(first).length, texts(second).length], [1, 1]);
  });

  test("is not run again unless that is asked for, and then as another attempt", async () => {
    const slot = freshSlot();
    await run(slot);
    const again = await run(slot);
    assert.deepEqual([again.status, again.body["attempt"]], [200, 1]);
    const rerun = await run(slot, "&rerun=1");
    assert.deepEqual([rerun.status, rerun.body["attempt"], rerun.body.state], [202, 2, "done"]);
    assert.equal(texts(first).length, 2);
  });

  test("that the timetable does not have is refused, naming the nearest", async () => {
    const { status, body } = await post("slot=2026-01-05T09:30");
    assert.equal(status, 400);
    assert.match(String(body["message"]), /nearest are 2026-01-05T08:00 and 2026-01-06T08:00$/);
    assert.equal((await post("slot=2099-01-05T08:00")).status, 400);
    assert.equal((await post("slot=soon")).status, 400);
  });
});

describe("a source", () => {
  test("that is down is named in the message, and the others are told", async () => {
    sources[0].down = true;
    const { body } = await run();
    assert.equal(body.state, "done");
    assert.deepEqual(texts(first), ["News: The door is open\n\nSource 1 failed: the source answered 503"]);
    assert.deepEqual(sources[0].marks, []);
  });

  test("that config does not give the job is not missed", async () => {
    const restore = reconfigured((toml) => toml.replace("[agents.ops]", '[agents.ops]\ndeny = ["source_read"]'));
    const { body } = await run();
    restore();
    assert.equal(body.state, "quiet");
    const entries = await journalOf(stage.gateway.sql, body.run);
    assert.deepEqual(
      entries.filter(({ type }) => type === "tool.requested").map((entry) => entry["decision"]),
      ["deny", "deny"],
    );
    assert.deepEqual([texts(first), sources[0].reads, stage.model.requests.length], [[], 0, 0]);
  });

  test("without anything in it says nothing and asks no model, unless the job is to speak all the same", async () => {
    for (const source of sources) source.items = [];
    const { body } = await run();
    assert.deepEqual([body.state, texts(first), stage.model.requests.length], ["quiet", [], 0]);
    const restore = reconfigured((toml) => toml.replace("[jobs.news]", "[jobs.news]\nquiet_if_empty = false"));
    await run();
    restore();
    assert.deepEqual([texts(first), stage.model.requests.length], [["Nothing new."], 0]);
  });

  test("that is empty while another is down is no reason to be quiet", async () => {
    sources[0].items = [];
    sources[1].down = true;
    await run();
    assert.deepEqual(texts(first), ["Nothing new.\n\nSource 2 failed: the source answered 503"]);
  });
});

describe("a model", () => {
  test("is offered what the job may do, without what its function does itself, and cannot do that either", async () => {
    stage.model.setScript(({ messages, tools }) =>
      messages.at(-1)?.role === "tool"
        ? { text: tools.map((tool) => tool.function?.name).join(" ") }
        : { toolCalls: [{ name: "source_mark", arguments: { url: sources[0].url, ids: [666] } }] },
    );
    const { body } = await run();
    assert.equal(texts(first)[0], "commitments_list commitments_add commitments_complete source_read");
    assert.ok(!sources[0].marks.includes("666"));
    const entries = await journalOf(stage.gateway.sql, body.run);
    assert.equal(
      entries.findLast(({ type }) => type === "tool.requested")?.["rule"],
      "jobs.news.function calls source_mark itself",
    );
  });

  test("that fails is asked again in further attempts, and after the last the operator is told how to run it", async () => {
    const restore = reconfigured((toml) => toml.replace("[jobs.news]", "[jobs.news]\nretries = 2"));
    stage.model.setScript({ status: 400 });
    const { sql } = stage.gateway;
    const slot = freshSlot();
    const { body } = await run(slot);
    assert.equal(body.state, "failed");
    for (const attempts of [2, 3]) {
      await hurryAll(sql);
      await until(
        async () => (await attemptsOf(sql, body.slot)).filter(({ state }) => state === "failed").length === attempts,
      );
    }
    restore();
    assert.deepEqual(
      (await attemptsOf(sql, body.slot)).map(({ cause, state }) => `${cause} ${state}`),
      ["hand failed", "retry failed", "retry failed"],
    );
    await stage.botApi.waitFor(({ method, payload }) => method === "sendMessage" && payload["chat_id"] === operator);
    assert.equal(texts(operator).length, 1);
    assert.match(texts(operator)[0] ?? "", /^Job news failed after 3 attempts: /);
    assert.ok(
      texts(operator)[0]?.endsWith(
        `It was due at ${slot} (Europe/Berlin). To run it again: claw jobs rerun news --slot ${slot}`,
      ),
    );
    assert.deepEqual(texts(first), []);

    stage.model.setScript(told);
    assert.deepEqual((await run(slot, "&rerun=1")).body["attempt"], 4);
    assert.equal(texts(first).length, 1);
  });

  test("that answers the second time leaves nothing to be told", async () => {
    stage.model.setScript([{ status: 400 }, { text: "Here." }]);
    const { body } = await run();
    assert.equal(body.state, "failed");
    // By hand it need not wait for its time.
    const { body: second } = await post(`wait=1&rerun=1&slot=${body.slot}`);
    assert.deepEqual([second["attempt"], second["cause"], second["state"]], [2, "retry", "done"]);
    assert.deepEqual([texts(first), texts(operator)], [["Here."], []]);
  });
});

describe("delivery", () => {
  test("that is refused in one place marks what was read, and says where it did not arrive", async () => {
    stage.botApi.fail("sendMessage", 1, ({ payload }) => ({
      ...{ error_code: 403, description: `Forbidden: bot was kicked from ${String(payload["chat_id"])}` },
    }));
    const { body } = await run();
    assert.equal(body.state, "done");
    assert.match(String(body["reason"]), /^telegram:-10050[01] refused/);
    assert.equal(texts(first).length + texts(second).length, 1);
    assert.deepEqual(sources[0].marks, ["1"]);
  });

  test("that is refused everywhere has failed, marks nothing, and is tried again", async () => {
    stage.botApi.fail("sendMessage", 2, { error_code: 403, description: "Forbidden: bot was kicked" });
    const { body } = await run();
    assert.equal(body.state, "failed");
    assert.deepEqual(sources[0].marks, []);
    const again = await post(`wait=1&rerun=1&slot=${body.slot}`);
    assert.equal(again.body.state, "done");
    assert.deepEqual([texts(first).length, texts(second).length, sources[0].marks], [1, 1, ["1"]]);
  });

  test("of which nobody knows whether it happened is not repeated, and is told", async () => {
    stage.botApi.fail("sendMessage", 2, "lose");
    const { body } = await run();
    assert.equal(body.state, "failed");
    assert.match(String(body["reason"]), /telegram:-100500 perhaps/);
    assert.deepEqual(sources[0].marks, []);
    assert.equal((await attemptsOf(stage.gateway.sql, body.slot)).length, 1);
    await until(async () => texts(operator).some((text) => text.startsWith("Job news failed: not delivered: ")));
  });

  test("that has to wait goes on by itself", async () => {
    stage.botApi.fail("sendMessage", 2, {
      ...{ error_code: 429, description: "Too Many Requests", parameters: { retry_after: 1 } },
    });
    const { body } = await run();
    assert.equal(body.state, "done");
    assert.deepEqual([texts(first).length, texts(second).length, sources[0].marks], [1, 1, ["1"]]);
  });

  test("is followed by what is done after it, again and again until that is done, and nothing is sent twice", async () => {
    sources[0].unmarkable = true;
    const slot = freshSlot();
    const { body } = await post(`slot=${slot}`);
    const { sql } = stage.gateway;
    const tries = async (): Promise<string[]> =>
      (
        await sql<{ state: string }[]>`
        select state from runs where parent_run_id = ${body.run} order by started_at`
      ).map(({ state }) => state);
    await until(async () => (await tries()).join() === "failed");
    assert.equal((await attemptsOf(sql, body.slot))[0]?.state, "delivering");
    await until(
      async () => (await sql`select 1 from job_slots where not_before > now() and state = 'delivering'`).length === 1,
    );
    await hurryAll(sql);
    await until(async () => (await tries()).join() === "failed,failed");
    sources[0].unmarkable = false;
    await until(
      async () => (await sql`select 1 from job_slots where not_before > now() and state = 'delivering'`).length === 1,
    );
    await hurryAll(sql);
    await until(async () => (await attemptsOf(sql, body.slot))[0]?.state === "done");
    assert.deepEqual(await tries(), ["failed", "failed", "done"]);
    assert.deepEqual([sources[0].marks, texts(first).length, stage.model.requests.length], [["1"], 1, 1]);
  });

  test("ends, and the operator is told, where what is to follow it has failed for a day", async () => {
    sources[0].unmarkable = true;
    const slot = freshSlot();
    const { body } = await post(`slot=${slot}`);
    const { sql } = stage.gateway;
    await until(
      async () => (await sql`select 1 from job_slots where not_before > now() and state = 'delivering'`).length === 1,
    );
    await sql`update runs set started_at = now() - interval '25 hours' where parent_run_id = ${body.run}`;
    await hurryAll(sql);
    await until(async () => (await attemptsOf(sql, body.slot))[0]?.state === "done");
    assert.equal((await attemptsOf(sql, body.slot))[0]?.reason, "source_mark failed for a day");
    await until(() => Promise.resolve(texts(operator).length === 1));
    assert.match(texts(operator)[0] ?? "", /news does after its delivery was not done: source_mark failed for a day/);
    assert.deepEqual([sources[0].marks, texts(first).length], [[], 1]);
  });

  test("is known to the conversations it went to, with its taint", async () => {
    const person = stage.person();
    const restore = reconfigured((toml) => toml.replace(/deliver = .*/, `deliver = ["telegram:${person}"]`));
    await run();
    restore();
    stage.model.setScript(({ messages }) => ({
      text: `I see ${messages
        .filter(({ role }) => role === "assistant")
        .map(({ content }) => String(content))
        .join()}`,
    }));
    await stage.say(person, "Tell me more.");
    await until(async () => texts(person).length === 2);
    assert.equal(texts(person)[1], "I see News: The boiler is cold, The door is open");
    const [chat] = await stage.gateway.sql<{ taint: string }[]>`
      select taint from runs where principal = ${`telegram:${person}`}`;
    assert.equal(chat?.taint, "tool:source_read");
  });
});

describe("a dry run", () => {
  test("answers with what would be sent, and sends, marks and keeps nothing", async () => {
    const count = async (): Promise<unknown[]> =>
      Promise.all(
        (["job_slots", "outbox", "turns", "conversations"] as const).map(
          async (table): Promise<unknown> =>
            (await stage.gateway.sql`select count(*)::int as n from ${stage.gateway.sql(table)}`)[0]?.["n"],
        ),
      );
    const before = await count();
    sources[1].down = true;
    const { status, body } = await post(`dry=1&slot=${freshSlot()}`);
    const text = "News: The boiler is cold\n\nSource 2 failed: the source answered 503";
    assert.equal(status, 200);
    assert.deepEqual(
      body["messages"],
      [first, second].map((chat) => ({ to: `telegram:${chat}`, text })),
    );
    assert.deepEqual(
      (body["sources"] as { state: string }[]).map(({ state }) => state),
      ["read", "failed"],
    );
    assert.deepEqual(await count(), before);
    assert.deepEqual([texts(first), sources[0].marks], [[], []]);
    const entries = await journalOf(stage.gateway.sql, body.run);
    assert.ok(entries.some(({ type }) => type === "llm.answered"));
  });

  test("lets the model change nothing and asks nobody", async () => {
    const restore = reconfigured((toml) =>
      toml
        .replace("[groups.owners]", "[groups.owners]\napprove = true")
        .replace("[agents.ops]", '[agents.ops]\nask = ["commitments_list"]'),
    );
    stage.model.setScript(({ messages }) =>
      messages.at(-1)?.role === "tool"
        ? { text: "Done." }
        : {
            toolCalls: [
              { name: "commitments_add", arguments: { text: "x" } },
              { name: "commitments_list", arguments: {} },
            ],
          },
    );
    const { body } = await post(`dry=1&slot=${freshSlot()}`);
    restore();
    assert.equal((body["messages"] as { text: string }[])[0]?.text, "Done.");
    const entries = await journalOf(stage.gateway.sql, body.run);
    assert.deepEqual(
      entries
        .filter(({ type }) => type === "tool.requested")
        .slice(2)
        .map(({ rule }) => rule),
      ["a dry run changes nothing", 'agents.ops.ask "commitments_list", and nobody is asked'],
    );
    assert.equal((await stage.gateway.sql`select 1 from commitments`).length, 0);
  });

  test("whose model fails says why", async () => {
    stage.model.setScript({ status: 400 });
    const { status, body } = await post(`dry=1&slot=${freshSlot()}`);
    assert.deepEqual([status, body["error"]], [502, "backend_failed"]);
  });
});

test("a call that needs a yes is asked in the operator's place, and the job goes on when it is given", async () => {
  const person = stage.person();
  const restore = reconfigured((toml) =>
    toml
      .replace("[groups.owners]", "[groups.owners]\napprove = true")
      .replace(/operator = .*/, `operator = "telegram:${person}"`),
  );
  stage.model.setScript(({ messages }) =>
    messages.at(-1)?.role === "tool"
      ? { text: "Noted." }
      : { toolCalls: [{ name: "commitments_add", arguments: { text: "buy oil" } }] },
  );
  const { body } = await run();
  assert.equal(body.state, "waiting");
  const { sql } = stage.gateway;
  const [question] = await sql<{ code: string }[]>`select code from approvals where run_id = ${body.run}`;
  await stage.botApi.waitFor(({ payload }) => payload["chat_id"] === person);
  await stage.say(person, `/approve ${question?.code}`);
  await until(async () => (await attemptsOf(sql, body.slot))[0]?.state === "done");
  restore();
  assert.deepEqual([texts(first), texts(second)], [["Noted."], ["Noted."]]);
  const [made] = await sql`select principal from commitments`;
  assert.equal(made?.["principal"], "telegram:1001");
  assert.equal(sources[0].reads, 1);
});

test("its tools see the person whose things are meant, and go by the job's clocks", async () => {
  const restore = reconfigured((toml) =>
    toml
      .replace("[jobs.news]\n", '[jobs.news]\ntimezone = "Asia/Tokyo"\n')
      .replace('tools = ["source_*", "commitments_*"]', 'tools = ["source_*", "commitments_list", "time_now"]'),
  );
  const { sql } = stage.gateway;
  const [mine] = await sql<{ count: number }[]>`
    select count(*)::int as count from commitments where principal = 'telegram:1001' and completed_at is null`;
  stage.model.setScript(({ messages }) => {
    const results = messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
    const calls = ["time_now", "commitments_list"].map((name) => ({ name, arguments: {} }));
    return results.length === 0 ? { toolCalls: calls } : { text: results.join(" / ") };
  });
  const { body } = await run();
  restore();
  assert.equal(body.state, "done");
  assert.match(texts(first)[0] ?? "", /Asia\/Tokyo/);
  assert.equal((texts(first)[0] ?? "").match(/#\d+ buy oil/g)?.length, mine?.count);
  assert.ok((mine?.count ?? 0) > 0);
});

test("an agent that is asked in a job may do what the job may, and draws on its budget", async () => {
  const restore = reconfigured((toml) =>
    toml
      .replace("[agents.ops]", '[agents.ops]\ncalls = ["helper"]')
      .replace('tools = ["source_*", "commitments_*"]', 'tools = ["source_*", "agent_ask"]')
      .replace("[[jobs.news.sources]]", "[jobs.news.limits]\ntokens_per_day = 1000000\n[[jobs.news.sources]]"),
  );
  stage.model.setScript(({ messages }) => {
    if (messages.at(-1)?.role === "tool") return { text: "Done." };
    const asked = String(messages.at(-1)?.content) === "What time is it?";
    return asked
      ? { toolCalls: [{ name: "time_now", arguments: {} }] }
      : { toolCalls: [{ name: "agent_ask", arguments: { agent: "helper", request: "What time is it?" } }] };
  });
  const { body } = await run();
  restore();
  assert.equal(body.state, "done");
  const { sql } = stage.gateway;
  const [inner] = await sql<{ id: string; principal: string }[]>`
    select id, principal from runs where parent_run_id = ${body.run} and trigger = 'agent'`;
  assert.equal(inner?.principal, "job:news");
  const [call] = (await journalOf(sql, inner?.id ?? "")).filter(({ type }) => type === "tool.requested");
  assert.deepEqual([call?.["tool_name"], call?.["rule"]], ["time_now", "not in jobs.news.tools"]);
  const [spent] = await sql<{ tokens: string }[]>`select tokens from budgets where scope = 'job:news'`;
  const [used] = await sql<{ tokens: string }[]>`
    select sum(input_tokens + output_tokens) as tokens from runs where id in (${body.run}, ${inner?.id ?? ""})`;
  assert.equal(Number(spent?.tokens), Number(used?.tokens));
});

test("a job that is taken out of the config while it waits is told of, and says nothing", async () => {
  const person = stage.person();
  const approving = (toml: string): string =>
    toml
      .replace("[groups.owners]", "[groups.owners]\napprove = true")
      .replace(/operator = .*/, `operator = "telegram:${person}"`);
  let restore = reconfigured(approving);
  stage.model.setScript({ toolCalls: [{ name: "commitments_add", arguments: { text: "buy oil" } }] });
  const { body } = await run();
  restore = reconfigured((toml) => approving(toml).replaceAll("jobs.news", "jobs.other"));
  const { sql } = stage.gateway;
  const [question] = await sql<{ code: string }[]>`select code from approvals where run_id = ${body.run}`;
  await stage.say(person, `/deny ${question?.code}`);
  await until(async () => (await attemptsOf(sql, body.slot))[0]?.state === "failed");
  await until(async () =>
    texts(person).some((text) => text.startsWith("Job news failed: jobs.news is no longer in the config")),
  );
  restore();
  const [row] = await sql`select state from runs where id = ${body.run}`;
  assert.deepEqual([row?.["state"], texts(first)], ["failed", []]);
});

test("a function with a bug fails its attempt with words", async () => {
  sources[0].items = [{ id: 1, title: "bug" }];
  const restore = reconfigured((toml) => toml.replace("[jobs.news]", "[jobs.news]\nretries = 0"));
  const { body } = await run();
  restore();
  assert.equal(body.state, "failed");
  await until(async () => texts(operator).length === 1);
});

test("what a job may use in a day is its own budget", async () => {
  const restore = reconfigured((toml) =>
    toml.replace("[[jobs.news.sources]]", "[jobs.news.limits]\ntokens_per_day = 1\n[[jobs.news.sources]]"),
  );
  const { body } = await run();
  restore();
  assert.match(String(body["reason"]), /of the tokens that this job may use in a day, too little is left/);
  await until(async () => texts(operator).some((text) => text.includes("job:news")));
});

describe("the endpoints", () => {
  test("answer nobody without the token, and name the jobs there are", async () => {
    const { privateUrl } = stage.gateway;
    for (const authorization of ["", "Bearer ", "Bearer wrong", "Basic eDp4"])
      for (const [path, method] of [
        ["/jobs", "GET"],
        ["/jobs/news", "GET"],
        ["/jobs/news", "POST"],
      ] as const) {
        const answer = await fetch(`${privateUrl}${path}`, { method, headers: { authorization } });
        assert.equal(answer.status, 401);
        assert.match(((await answer.json()) as { message: string }).message, /listen\.token/);
      }
    const { status, body } = await ask(privateUrl, "/jobs/nwes");
    assert.equal(status, 404);
    assert.equal(body["message"], 'there is no job "nwes"; there are: news');
    assert.equal((await ask(privateUrl, "/jobs/constructor")).status, 404);
  });

  test("show the last attempts and the next slots", async () => {
    const { body: made } = await run();
    const { body } = await ask(stage.gateway.privateUrl, "/jobs", "GET");
    const [job] = body["jobs"] as Record<string, unknown>[];
    assert.equal(job?.["job"], "news");
    assert.match(JSON.stringify(job?.["next"]), /T08:00"/);
    const { body: one } = await ask(stage.gateway.privateUrl, "/jobs/news", "GET");
    assert.deepEqual((one["attempts"] as unknown[]).length, 20);
    assert.ok((one["attempts"] as { run: string }[]).some(({ run: id }) => id === made["run"]));
    assert.equal((one["next"] as unknown[]).length, 3);
  });
});
