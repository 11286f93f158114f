import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { journalOf, lastRun } from "../support/journal.ts";
import { type Stage, startStage } from "../support/stage.ts";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const site = createServer(({ url }, response) => {
  if (url === "/cat.png") response.end(png);
  else response.writeHead(200, { "content-type": "text/html" }).end("<title>Boiler</title><p>Turn it <b>off</b>.");
});
let stage: Stage;
let origin: string;

before(async () => {
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  stage = await startStage({
    backend: "images = true",
    config: (toml) =>
      `${toml.replace('["time_now", "commitments_*", "history_search"]', '["http_get", "image_read"]')}
[tools.http]
private_hosts = ["${origin}"]
`,
  });
});
after(async () => {
  await stage.stop();
  site.close();
  site.closeAllConnections();
});

test("a page is read by its text, and taints the run", async () => {
  const ada = stage.person();
  stage.model.setScript([
    { toolCalls: [{ name: "http_get", arguments: { url: `${origin}/boiler` } }] },
    { text: "It says to turn it off." },
  ]);
  await stage.say(ada, "what does it say?");
  assert.equal(await stage.heard(ada), "It says to turn it off.");
  const told = JSON.stringify(stage.model.requests.at(-1)?.body["messages"]);
  assert.match(told, /Title: Boiler\\n\\nTurn it off\./);
  const { id } = await lastRun(stage.gateway.sql, ada);
  const finished = (await journalOf(stage.gateway.sql, id)).find(({ type }) => type === "tool.finished");
  assert.equal(finished?.["taint"], "tool:http_get");
});

test("an image is looked at in a call apart, without tools and without what was said", async () => {
  const ada = stage.person();
  stage.model.setScript([
    { toolCalls: [{ name: "image_read", arguments: { url: `${origin}/cat.png`, question: "What is on it?" } }] },
    { text: "One grey pixel." },
    { text: "There is a pixel." },
  ]);
  await stage.say(ada, "look at the canary");
  assert.equal(await stage.heard(ada), "There is a pixel.");
  const [asked, looked, answered] = stage.model.requests.slice(-3).map(({ body }) => body);
  assert.ok(Array.isArray(asked?.["tools"]));
  assert.equal(looked?.["tools"], undefined);
  const messages = JSON.stringify(looked?.["messages"]);
  assert.match(messages, /What is on it\?/);
  assert.match(messages, /data:image\/png;base64,/);
  assert.doesNotMatch(messages, /canary|Be brief/);
  assert.match(JSON.stringify(answered?.["messages"]), /One grey pixel\./);
  assert.doesNotMatch(JSON.stringify(answered?.["messages"]), /base64/);

  // Journalled and counted like the run's own calls.
  const run = await lastRun(stage.gateway.sql, ada);
  const entries = await journalOf(stage.gateway.sql, run.id);
  assert.deepEqual(
    entries.filter(({ type }) => type.startsWith("llm.")).map(({ type }) => type),
    ["llm.requested", "llm.answered", "llm.consulted", "llm.requested", "llm.answered"],
  );
  const consulted = entries.find(({ type }) => type === "llm.consulted");
  assert.match(String(consulted?.["provider_request_id"]), /^req_/);
  const tokens = entries.reduce((sum, entry) => sum + Number(entry["input_tokens"] ?? 0), 0);
  assert.equal(Number(run["input_tokens"]), tokens);
});
