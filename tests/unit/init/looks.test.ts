/** Against stand-ins on loopback. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { lookAtModels } from "../../../lib/init/look-llm.ts";
import { discoverHomeserver, lookAtHomeserver } from "../../../lib/init/look-matrix.ts";
import { lookAtBot, writersOf } from "../../../lib/init/look-telegram.ts";
import { startBotApi } from "../../support/bot-api.ts";
import { freePort } from "../../support/free-port.ts";
import { startHomeserver } from "../../support/homeserver.ts";
import { startModelServer } from "../../support/model-server.ts";
import { messageUpdate, person } from "../../support/telegram-updates.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close() && server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("an endpoint's models are listed, a refused key is said, and no secret with it", async (t) => {
  const model = await startModelServer({ text: "" }, { key: "sk-canary" });
  t.after(() => model.stop());
  assert.deepEqual(await lookAtModels(model.url, "sk-canary"), { value: ["stand-in"], said: "it has stand-in" });
  assert.deepEqual(await lookAtModels(model.url, "sk-wrong"), {
    said: `${model.url} refuses the key (401)`,
    doubt: "secret",
  });
  assert.deepEqual(await lookAtModels(model.url, undefined), {
    said: `${model.url} wants a key (401)`,
    doubt: "secret",
  });
  const elsewhere = await lookAtModels(model.url.replace("/v1", ""), "sk-canary");
  assert.match(elsewhere.said, /lists no models \(404\)/);
  assert.equal(elsewhere.doubt, "address");
  const nobody = `http://127.0.0.1:${await freePort()}/v1`;
  assert.match((await lookAtModels(nobody, "sk-canary")).said, /does not answer \(ECONNREFUSED\)/);
  assert.match((await lookAtModels("http://127.0.0.1:1/v1", "sk-canary")).said, /does not answer \(bad port\)/);
});

test("a redirect is not followed with a key, and a server's words are shown without what moves a terminal", async (t) => {
  const asked: string[] = [];
  const elsewhere = await serve(t, (request, response) => {
    asked.push(request.headers.authorization ?? "");
    response.end("{}");
  });
  const there = await serve(t, (request, response) => {
    if (request.url === "/moved/models") response.writeHead(302, { location: `${elsewhere}/models` }).end();
    else if (request.url === "/v1/models")
      response.end(JSON.stringify({ data: [{ id: "a\u001b[2Jb\u202e" }, null, { id: 7 }] }));
    else response.end("not JSON");
  });
  assert.match((await lookAtModels(`${there}/moved`, "sk-canary")).said, /lists no models/);
  assert.deepEqual(asked, []);
  assert.equal((await lookAtModels(`${there}/v1`, "k")).said, "it has a [2Jb");
  assert.match((await lookAtModels(`${there}/other`, "k")).said, /lists no models \(200\)/);
});

test("a homeserver is told from what is none, and one that is found nowhere is not made up", async (t) => {
  const homeserver = await startHomeserver();
  t.after(() => homeserver.close());
  const seen = await lookAtHomeserver(homeserver.url);
  assert.equal(seen.value, true, seen.said);
  const other = await serve(t, (_, response) => response.end("nginx"));
  assert.match((await lookAtHomeserver(other)).said, /not as a homeserver \(200\)/);
  assert.match((await lookAtHomeserver(`http://127.0.0.1:${await freePort()}`)).said, /ECONNREFUSED/);
  assert.equal(await discoverHomeserver(`127.0.0.1:${await freePort()}`), undefined);
});

test("a homeserver that its domain names is suggested only where it can be shown as it is", async (t) => {
  const asked = t.mock.method(globalThis, "fetch", async () =>
    Response.json({ "m.homeserver": { base_url: "https://matrix.home.example/\u001b[2J" } }),
  );
  assert.equal(await discoverHomeserver("home.example"), undefined);
  asked.mock.mockImplementation(async () =>
    Response.json({ "m.homeserver": { base_url: "https://matrix.home.example" } }),
  );
  assert.equal(await discoverHomeserver("home.example"), "https://matrix.home.example");
});

test("a bot is known by its token, and who wrote a text to it in private by their ids, while it has no webhook", async (t) => {
  const botApi = await startBotApi();
  t.after(() => botApi.stop());
  const token = "4242:canary-token";
  assert.deepEqual(await lookAtBot(token, botApi.url), { value: "claw_test_bot", said: "that is @claw_test_bot" });
  botApi.updates.push(
    messageUpdate(person(7), { id: 7, type: "private" }, { text: "hello" }),
    messageUpdate({ ...person(8), first_name: "A\u001b[31m\nB" }, { id: 8, type: "private" }, { text: " 480213\n" }),
    messageUpdate(person(9), { id: -100, type: "supergroup" }, { text: "480213" }),
    messageUpdate(person(10), { id: 10, type: "private" }, { text: "480213 480214" }),
  );
  const { value = [] } = await writersOf("480213", token, botApi.url);
  assert.deepEqual(
    value.map(({ id }) => id),
    ["8"],
  );
  assert.match(value[0]?.name ?? "", /^A \[31m B/);
  botApi.fail("getMe", 1, { error_code: 401, description: "Unauthorized" });
  assert.match((await lookAtBot(token, botApi.url)).said, /knows no bot of this token: @BotFather/);
  await fetch(`${botApi.url}/bot${token}/setWebhook`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: "https://claw.example/telegram/home" }),
  });
  assert.match((await writersOf("480213", token, botApi.url)).said, /has a webhook already/);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const { said } = await lookAtBot(token, nobody);
  assert.ok(/does not answer \(telegram: ECONNREFUSED\)/.test(said) && !said.includes("canary"), said);
});
