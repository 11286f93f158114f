import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Agent } from "../../../lib/config/config.ts";
import { transcriptionBackend } from "../../../lib/llm/transcribe.ts";
import { startModelServer } from "../../support/model-server.ts";
import { backendOf, canaryKey, configOf, failureOf, harness } from "./support.ts";

const recording = { bytes: new Uint8Array(5000), mime: "audio/ogg", name: "voice.ogg" };
const { signal } = new AbortController();

describe("a recording", async () => {
  const server = await startModelServer({ text: "" }, { transcript: " Buy milk. \n", key: canaryKey });
  const broken = await startModelServer({ text: "" }, { transcript: { status: 500 } });
  after(() => Promise.all([server.stop(), broken.stop()]));

  test("becomes its text, sent as a file with its name and type", async () => {
    const config = configOf(backendOf("main", { base_url: server.url, transcription_model: "whisper" }));
    assert.equal(await harness().backends.transcribe(config, "main", recording, signal), "Buy milk.");
    assert.deepEqual(server.requests[0]?.body, {
      model: "whisper",
      file: { name: "voice.ogg", type: "audio/ogg", size: 5000 },
    });
  });

  test("goes to a fallback that transcribes when the first fails, else fails like a model", async () => {
    const { backends, waits } = harness();
    const config = configOf(
      backendOf("main", { base_url: broken.url, transcription_model: "whisper", fallback: ["deaf", "local"] }),
      backendOf("deaf", { base_url: broken.url }),
      backendOf("local", { base_url: server.url, transcription_model: "whisper" }),
      backendOf("alone", { base_url: broken.url, transcription_model: "whisper" }),
    );
    assert.equal(await backends.transcribe(config, "main", recording, signal), "Buy milk.");
    assert.equal(waits.length, 2);
    const error = await failureOf(backends.transcribe(config, "alone", recording, signal));
    assert.equal(error.code, "backend_failed");
    assert.match(error.message, /backends\.alone: 500/);
  });
});

describe("the backend that transcribes for an agent", () => {
  const url = { base_url: "http://127.0.0.1:1/v1" };
  const able = { ...url, transcription_model: "whisper" };
  const agent = { backend: "main" } as Agent;

  test("is its own, then a fallback, then any, then none", () => {
    const other = backendOf("other", able);
    const local = backendOf("local", able);
    const deaf = backendOf("local", url);
    const name = (...backends: Parameters<typeof configOf>): string | undefined =>
      transcriptionBackend(configOf(...backends), agent)?.name;
    assert.equal(name(other, local, backendOf("main", { ...able, fallback: ["local"] })), "main");
    assert.equal(name(other, local, backendOf("main", { ...url, fallback: ["local"] })), "local");
    assert.equal(name(other, deaf, backendOf("main", { ...url, fallback: ["local"] })), "other");
    assert.equal(name(deaf, backendOf("main", url)), undefined);
  });
});
