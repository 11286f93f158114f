import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { freePort } from "../support/free-port.ts";
import { patienceMs } from "../support/until.ts";
import { type Llama, startLlama } from "./support/llama.ts";
import { startSynapse, type Synapse, type SynapseUser } from "./support/synapse.ts";

describe("a real Synapse", () => {
  let folder: string;
  let service: http.Server;
  let synapse: Synapse | undefined;
  let ada: SynapseUser;
  let room: string;
  const pushed: string[] = [];

  before(async () => {
    const port = await freePort();
    service = http.createServer((request, response) => {
      void (async () => {
        for await (const chunk of request) pushed.push(String(chunk));
        response.end("{}");
      })();
    });
    await once(service.listen(port, "127.0.0.1"), "listening");
    folder = await mkdtemp(path.join(os.tmpdir(), "openclaw-peers-"));
    const registration = path.join(folder, "registration.yaml");
    await writeFile(registration, registrationYaml(`http://127.0.0.1:${port}`));
    synapse = await startSynapse({ registration, flags: true });
    ada = await synapse.registerUser("ada", "secret");
  });
  after(async () => {
    await synapse?.stop();
    service.close();
    service.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  test("gives a registered user a device", () => {
    assert.equal(ada.userId, "@ada:home.test");
    assert.notEqual(ada.deviceId, "");
  });

  test("keeps a message that a user sends", async () => {
    const { room_id } = await matrix("POST", "createRoom", {});
    room = String(room_id);
    await matrix("PUT", `rooms/${room}/send/m.room.message/1`, { msgtype: "m.text", body: "good morning" });
    assert.deepEqual(await messages(), ["good morning"]);
  });

  test("pushes what happens in a room to the application service that is in it", async () => {
    await matrix("POST", `rooms/${room}/invite`, { user_id: "@agent_mira:home.test" });
    await until(() => pushed.join("").includes("@agent_mira:home.test"));
  });

  test("with its flags on, pushes to-device messages to the application service that wants them", async () => {
    const agent = { authorization: "Bearer as-secret" };
    const login = { type: "m.login.application_service", username: "agent_mira", inhibit_login: true };
    await matrix("POST", "register", login, agent);
    const path = "devices/MIRA?user_id=@agent_mira:home.test";
    await matrix("PUT", path, {}, agent, 201);
    const messages = { "@agent_mira:home.test": { MIRA: { greeting: "by device" } } };
    await matrix("PUT", "sendToDevice/test.greeting/1", { messages });
    await until(() => pushed.some((body) => body.includes("msc2409.to_device") && body.includes("by device")));
  });

  test("shows what it keeps of a room to a member", async () => {
    const stored = await synapse?.storedEvents(ada, room);
    assert.equal(stored?.[0]?.type, "m.room.create");
    assert.equal(stored.find(({ type }) => type === "m.room.message")?.content["body"], "good morning");
  });

  test("logs a user in on one more device", async () => {
    const second = await synapse?.loginUser("ada", ada.password);
    assert.equal(second?.userId, ada.userId);
    assert.notEqual(second.deviceId, ada.deviceId);
  });

  test("keeps its data over a restart", async () => {
    await synapse?.restart();
    assert.deepEqual(await messages(), ["good morning"]);
    assert.match(synapse?.logs() ?? "", /STARTING SERVER[^]*STARTING SERVER/);
  });

  async function messages(): Promise<unknown[]> {
    const { chunk } = (await matrix("GET", `rooms/${room}/messages?dir=f`)) as { chunk: MatrixEvent[] };
    return chunk.filter((event) => event.type === "m.room.message").map((event) => event.content.body);
  }

  async function matrix(
    method: string,
    endpoint: string,
    body?: unknown,
    headers: Record<string, string> = { authorization: `Bearer ${ada.accessToken}` },
    status = 200,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${synapse?.url}/_matrix/client/v3/${endpoint}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.equal(response.status, status, `${method} ${endpoint}`);
    return (await response.json()) as Record<string, unknown>;
  }
});

describe("a real llama-server", () => {
  const messages = [{ role: "user" as const, content: "What time is it?" }];
  const tools = [
    {
      type: "function" as const,
      function: {
        name: "clock",
        parameters: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] },
      },
    },
  ];
  let llama: Llama | undefined;
  let model: string;
  let client: OpenAI;

  before(async () => {
    llama = await startLlama({ apiKey: "right", contextTokens: 2048 });
    model = llama.model;
    client = new OpenAI({ baseURL: llama.url, apiKey: "right", maxRetries: 0 });
  });
  after(() => llama?.stop());

  test("streams an answer and its usage", async () => {
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage ??= chunk.usage?.completion_tokens;
    }
    assert.notEqual(text.trim(), "");
    assert.ok(usage !== undefined && usage > 0);
  });

  for (const tool_choice of ["required", "auto"] as const) {
    test(`calls a tool where the choice is ${tool_choice}`, async () => {
      const completion = await client.chat.completions.create({ model, messages, tools, tool_choice });
      assert.equal(completion.choices[0]?.finish_reason, "tool_calls");
      const call = completion.choices[0].message.tool_calls?.[0];
      assert.ok(call?.type === "function");
      assert.equal(call.function.name, "clock");
      assert.deepEqual(Object.keys(JSON.parse(call.function.arguments) as object), ["zone"]);
    });
  }

  test("answers in text after a tool has answered", async () => {
    const call = { id: "call-1", type: "function" as const, function: { name: "clock", arguments: '{"zone":"UTC"}' } };
    const turn = [
      ...messages,
      { role: "assistant" as const, content: null, tool_calls: [call] },
      { role: "tool" as const, tool_call_id: "call-1", content: "12:00" },
    ];
    const completion = await client.chat.completions.create({ model, messages: turn, tools });
    assert.equal(completion.choices[0]?.finish_reason, "stop");
    assert.notEqual(completion.choices[0].message.content?.trim(), "");
  });

  test("answers by the Responses API", async () => {
    const response = await client.responses.create({ model, input: "What time is it?" });
    assert.notEqual(response.output_text.trim(), "");
  });

  test("refuses a wrong key with a 401", async () => {
    const stranger = client.withOptions({ apiKey: "wrong" });
    await assert.rejects(stranger.chat.completions.create({ model, messages }), { status: 401 });
  });

  test("refuses a prompt beyond its context with a 400", async () => {
    const long = [{ role: "user" as const, content: "word ".repeat(5000) }];
    await assert.rejects(client.chat.completions.create({ model, messages: long }), { status: 400 });
  });
});

interface MatrixEvent {
  type: string;
  content: { body?: unknown };
}

function registrationYaml(url: string): string {
  return `
id: openclaw
url: ${url}
as_token: as-secret
hs_token: hs-secret
sender_localpart: openclaw
rate_limited: false
receive_ephemeral: true
org.matrix.msc3202: true
namespaces:
  users: [{ exclusive: true, regex: '@agent_.*:home\\.test' }]
`;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!condition()) {
    assert.ok(Date.now() < deadline, "nothing came in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
