import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Stage, startStage } from "../support/stage.ts";

let stage: Stage;

before(async () => {
  stage = await startStage();
});
after(() => stage.stop());

type Ready = { ok: boolean } & Record<string, { ok: boolean; reason: string }>;
const ask = async (path: string) => {
  const answer = await fetch(stage.gateway.privateUrl + path);
  return { status: answer.status, text: await answer.text() };
};

test("/healthz answers as long as the process does", async () => {
  assert.deepEqual(await ask("/healthz"), { status: 200, text: '{"ok":true}' });
});

test("/readyz names each part, and says how to set a webhook that is not set", async () => {
  const { status, text } = await ask("/readyz");
  const ready = JSON.parse(text) as Ready;
  assert.equal(status, 503);
  assert.match(ready["database"]?.reason ?? "", /^PostgreSQL \d+/);
  assert.deepEqual(ready["queue"], { ok: true, reason: "nothing waits" });
  assert.deepEqual(ready["jobs"], { ok: true, reason: "none is stuck" });
  assert.deepEqual(ready["telegram.main"], {
    ok: false,
    reason: "no webhook is set: run claw telegram set-webhook main",
  });
});

test("/readyz is 200 once every part is well", async () => {
  const set = await fetch(`${stage.botApi.url}/bot4242:canary-telegram-token/setWebhook`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: "https://claw.example/telegram/main" }),
  });
  await set.text();
  stage.gateway.holder.reload();
  const { status, text } = await ask("/readyz");
  assert.equal(status, 200, text);
  assert.equal((JSON.parse(text) as Ready).ok, true);
});

test("/readyz says of Telegram alone that it is down when it is, without the token", async () => {
  stage.botApi.fail("getWebhookInfo", 1, { error_code: 502, description: "Bad Gateway" });
  // A reload makes the bot anew, and so its health is asked anew.
  stage.gateway.holder.reload();
  const { status, text } = await ask("/readyz");
  const ready = JSON.parse(text) as Ready;
  assert.equal(status, 503);
  assert.deepEqual([ready["database"]?.ok, ready["queue"]?.ok, ready["telegram.main"]?.ok], [true, true, false]);
  assert.match(ready["telegram.main"]?.reason ?? "", /502/);
  assert.doesNotMatch(text, /canary/);
});

test("/metrics counts runs, calls, tokens, tools, sends and pushes, labelled by names of the config alone", async () => {
  const person = stage.person();
  stage.model.setScript([
    {
      toolCalls: [
        { name: "time_now", arguments: {} },
        { name: "made_up_by_the_model", arguments: {} },
      ],
    },
    { text: "Noon.", usage: { input: 7, output: 3, cached: 2, reasoning: 1, cost: 0.25 } },
  ]);
  await stage.say(person, "what time is it?");
  await stage.heard(person);
  const { status, text } = await ask("/metrics");
  assert.equal(status, 200);
  for (const line of [
    'openclaw_runs_total{agent="ops",state="done"} 1',
    'openclaw_model_calls_total{backend="main",outcome="answered"} 2',
    'openclaw_steps_total{agent="ops"} 2',
    'openclaw_tokens_total{agent="ops",backend="main",kind="input"} 107',
    'openclaw_tokens_total{agent="ops",backend="main",kind="output"} 23',
    'openclaw_tokens_total{agent="ops",backend="main",kind="cached"} 2',
    'openclaw_tokens_total{agent="ops",backend="main",kind="reasoning"} 1',
    'openclaw_cost_total{agent="ops",backend="main",source="provider"} 0.25',
    'openclaw_unknown_costs_total{agent="ops",backend="main"} 1',
    'openclaw_model_seconds_count{backend="main"} 2',
    'openclaw_tool_calls_total{agent="ops",tool="time_now",outcome="ok"} 1',
    'openclaw_tool_calls_total{agent="ops",tool="none of ours",outcome="error"} 1',
    'openclaw_denials_total{agent="ops",rule="no_tool"} 1',
    'openclaw_denials_total{agent="ops",rule="taint"} 0',
    'openclaw_outbox{channel="telegram",state="pending"} 0',
    'openclaw_outbox_age_seconds{channel="matrix"} 0',
    "openclaw_queue_age_seconds 0",
    'openclaw_drift_alerts{agent="ops"} 0',
    'openclaw_part_ok{part="database"} 1',
    'openclaw_part_ok{part="jobs"} 1',
    'openclaw_part_ok{part="gauges"} 1',
    'openclaw_inbox_total{channel="telegram",state="new"} 1',
    'openclaw_open{state="unknown"} 0',
  ])
    assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
  assert.doesNotMatch(text, new RegExp(`made_up|${person}`));
});

test("the private listener has no way in for messages", async () => {
  for (const path of ["/telegram/main", "/_matrix/app/v1/transactions/1"]) {
    const answer = await fetch(stage.gateway.privateUrl + path, { method: path.startsWith("/t") ? "POST" : "PUT" });
    assert.equal(answer.status, 404);
    await answer.text();
  }
});
