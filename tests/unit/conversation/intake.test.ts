import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attachment } from "../../../lib/channel/types.ts";
import type { Agent, Config } from "../../../lib/config/config.ts";
import type { ConversationDeps } from "../../../lib/conversation/deps.ts";
import { takeIn } from "../../../lib/conversation/intake.ts";
import type { OpenMessage } from "../../../lib/ledger/mailbox.ts";

const megabyte = 1024 * 1024;

/** What is made of `count` messages with one image of that size each, and how many of them were fetched. */
async function takeImages(count: number, options: { max: number; bytes?: number }) {
  const image = Buffer.alloc(options.bytes ?? 100);
  image.write("\x89PNG\r\n\x1a\n", "latin1");
  let fetched = 0;
  const deps = {
    channels: { telegram: { fetchAttachment: async () => ((fetched += 1), image) } },
    backends: { model: () => ({ takesImages: true }) },
  } as unknown as ConversationDeps;
  const config = { media: { max_images: options.max, max_image_mb: 20 } } as Config;
  const batch = Array.from({ length: count }, (_, index): OpenMessage => {
    const attachment: Attachment = { kind: "image", ref: `photo-${index}` };
    return {
      id: index,
      message: {
        principal: "telegram:1",
        text: "",
        attachments: [attachment],
        destination: { channel: "telegram", bot: "main", chat: 1 },
        shared: false,
        sentAt: "2026-01-01T00:00:00.000Z",
      },
    } as unknown as OpenMessage;
  });
  const agent = { name: "ops", backend: "main" } as Agent;
  return { ...(await takeIn(deps, config, agent, batch, new AbortController().signal)), fetched: () => fetched };
}

test("a run looks at media.max_images images; the rest is not fetched, and the person is told so once", async () => {
  const { images, imageRefs, problems, text, fetched } = await takeImages(9, { max: 3 });
  assert.equal(images.length, 3);
  assert.deepEqual(
    imageRefs.map(({ ref }) => ref),
    ["photo-0", "photo-1", "photo-2"],
  );
  assert.deepEqual(problems, ["I look at no more than 3 images at once: I left out the rest."]);
  assert.equal(text, "[image]\n\n[image]\n\n[image]");
  assert.equal(fetched(), 3);
});

test("as many images as a run may have bring no complaint", async () => {
  const { images, problems } = await takeImages(3, { max: 3 });
  assert.equal(images.length, 3);
  assert.deepEqual(problems, []);
});

test("a run looks at 20 MB of images in all; past that none is fetched, and the person is told so once", async () => {
  const { images, problems, fetched } = await takeImages(9, { max: 9, bytes: 7 * megabyte });
  assert.equal(images.length, 2);
  assert.deepEqual(problems, ["I look at no more than 20 MB of images at once: I left out the rest."]);
  assert.equal(fetched(), 3);
});
