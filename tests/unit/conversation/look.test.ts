import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model, ModelAnswer, ModelRequest } from "../../../lib/agent/model.ts";
import type { Backend } from "../../../lib/config/config.ts";
import { createLook } from "../../../lib/conversation/look.ts";

const image = { mime: "image/png", bytes: new Uint8Array([1]) };

/** Looking by a model that answers so. */
function setUp(answer: Partial<ModelAnswer>, takesImages = true) {
  const asked: ModelRequest[] = [];
  const model: Model = {
    backend: "main",
    model: "m",
    takesImages,
    complete: async (request) => {
      asked.push(request);
      return { text: "A cat.", toolCalls: [], finishReason: "stop", backend: "main", ...answer } as ModelAnswer;
    },
  };
  const media = { max_image_mb: 0.5, max_images: 1, max_voice_mb: 1 };
  const backends = new Map([
    ["main", { images: true } as Backend],
    ["blind", { images: false } as Backend],
  ]);
  const recorded: ModelAnswer[] = [];
  const look = createLook(model, { media, backends }, async (given) => void recorded.push(given));
  return { asked, recorded, look };
}

test("a look at an image is a call of its own: the question, the image, no tools", async () => {
  const { asked, recorded, look } = setUp({});
  const signal = new AbortController().signal;
  assert.equal(await look?.ask(image, "What is it?", signal), "A cat.");
  assert.equal(look?.maxBytes, 524_288);
  const [request] = asked;
  assert.deepEqual(request?.tools, []);
  assert.deepEqual(
    request?.messages.map(({ role }) => role),
    ["system", "user"],
  );
  assert.deepEqual(request?.messages[1], { role: "user", text: "What is it?", images: [image] });
  assert.equal(request?.signal, signal);
  assert.deepEqual(
    recorded.map(({ text }) => text),
    ["A cat."],
  );
});

test("what a model without images says of one does not count", async () => {
  assert.equal(setUp({}, false).look, undefined);
  const signal = new AbortController().signal;
  await assert.rejects(setUp({ backend: "blind" }).look?.ask(image, "?", signal) ?? Promise.resolve(), {
    code: "backend_failed",
    message: /backends\.blind/,
  });
  await assert.rejects(setUp({ text: " " }).look?.ask(image, "?", signal) ?? Promise.resolve(), {
    code: "backend_failed",
  });
});
