import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Stage, startStage } from "../support/stage.ts";

/** A model that sees and hears, and one that does neither. */
let able: Stage;
let plain: Stage;

const transcript = "remind me\nof the   plants";
const media = "[media]\nmax_image_mb = 0.001\nmax_voice_mb = 0.001";

before(async () => {
  [able, plain] = await Promise.all([
    startStage({ backend: 'images = true\ntranscription_model = "ears"', top: media, model: { transcript } }),
    startStage(),
  ]);
  for (const { botApi } of [able, plain]) {
    botApi.files.set("png", { path: "photos/1.png", bytes: png });
    botApi.files.set("ogg", { path: "voice/1.oga", bytes: ogg });
    botApi.files.set("html", { path: "photos/2.jpg", bytes: Buffer.from("<html><script>alert(1)</script>") });
    botApi.files.set("large", { path: "photos/3.jpg", bytes: Buffer.concat([png, Buffer.alloc(2000)]) });
  }
});
after(async () => {
  await Promise.all([able.stop(), plain.stop()]);
});

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const ogg = Buffer.concat([Buffer.from("OggS\0\x02"), Buffer.alloc(22), Buffer.from("OpusHead"), Buffer.alloc(11)]);

const photo = (file_id: string, more: object = {}) => ({
  photo: [{ file_id, file_unique_id: file_id, width: 90, height: 90 }],
  ...more,
});
const voice = (file_id: string) => ({
  voice: { file_id, file_unique_id: file_id, duration: 3, mime_type: "audio/ogg" },
});
const document = (file_id: string, file_name: string, mime_type: string) => ({
  document: { file_id, file_unique_id: file_id, file_name, mime_type },
});

const lastUser = ({ model }: Stage): unknown =>
  (
    model.requests.filter(({ path }) => path.endsWith("completions")).at(-1)?.body["messages"] as { content: unknown }[]
  ).at(-1)?.content;

test("an image goes to a model that takes images, with its caption, typed by its bytes", async () => {
  const person = able.person();
  await able.send(person, photo("png", { caption: "what is this?" }));
  assert.equal(await able.heard(person), "Hello.");
  assert.deepEqual(lastUser(able), [
    { type: "text", text: "what is this?" },
    // Telegram calls every photo a JPEG; this one is none.
    { type: "image_url", image_url: { url: `data:image/png;base64,${png.toString("base64")}` } },
  ]);
});

test("an image without a caption is shown all the same, one sent as a file too", async () => {
  const person = able.person();
  await able.send(person, document("png", "x.png", "image/png"));
  await able.heard(person);
  assert.equal((lastUser(able) as { type: string }[]).at(-1)?.type, "image_url");
});

test("an image to a model that takes none gets a clear answer, and the caption is answered", async () => {
  const person = plain.person();
  await plain.send(person, photo("png", { caption: "what is this?" }));
  assert.equal(await plain.heard(person), "I cannot look at images: the model behind ops takes none.\n\nHello.");
  assert.equal(lastUser(plain), "what is this?\n[attachment not readable: image]");
});

test("an image alone to a model that takes none gets a clear answer without a model call", async () => {
  const person = plain.person();
  const before = plain.model.requests.length;
  await plain.send(person, photo("png"));
  assert.match(await plain.heard(person), /^I cannot look at images/);
  assert.equal(plain.model.requests.length, before);
});

test("what only says that it is an image is not shown to the model", async () => {
  const person = able.person();
  await able.send(person, photo("html", { caption: "look" }));
  assert.match(await able.heard(person), /^That is no image I know: PNG, JPEG, GIF and WebP are\./);
  assert.equal(lastUser(able), "look\n[attachment not readable: image]");
});

test("an image over the size limit is refused with the limit", async () => {
  const person = able.person();
  await able.send(person, photo("large"));
  assert.match(await able.heard(person), /^That is too large: I take at most 0\.001 MB\./);
});

test("a voice note is transcribed, quoted back in one line, and answered as text", async () => {
  const person = able.person();
  await able.send(person, voice("ogg"));
  assert.equal(await able.heard(person), "🎤 remind me of the plants");
  assert.equal(await able.heard(person), "Hello.");
  assert.equal(lastUser(able), transcript);
  const heard = able.model.requests.find(({ path }) => path.endsWith("/audio/transcriptions"));
  assert.deepEqual(heard?.body, { model: "ears", file: { name: "voice.ogg", type: "audio/ogg", size: ogg.length } });
});

test("what only says that it is a voice note is not sent to be transcribed", async () => {
  const person = able.person();
  const before = able.model.requests.length;
  await able.send(person, voice("png"));
  assert.match(await able.heard(person), /^That is no recording I know/);
  assert.equal(able.model.requests.length, before);
});

test("a voice note where no backend transcribes gets a clear answer without a model call", async () => {
  const person = plain.person();
  const before = plain.model.requests.length;
  await plain.send(person, voice("ogg"));
  assert.equal(await plain.heard(person), "I cannot listen to voice notes: no backend here turns them into text.");
  assert.equal(plain.model.requests.length, before);
});

test("a document gets a clear answer with its name", async () => {
  const person = plain.person();
  await plain.send(person, document("html", "report.pdf", "application/pdf"));
  assert.equal(await plain.heard(person), "I can read text, images and voice notes, but not report.pdf.");
});

test("a file that Telegram no longer has gets a clear answer", async () => {
  const person = able.person();
  await able.send(person, photo("gone", { caption: "look" }));
  assert.match(await able.heard(person), /^I could not fetch that file from Telegram\. Please send it again\./);
});
