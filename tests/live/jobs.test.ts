/** The three jobs over real sources, to an encrypted room of a real Synapse and to Telegram's stand-in. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { dueSlot } from "../../lib/time/slots.ts";
import { type BotApi, startBotApi } from "../support/bot-api.ts";
import type { Answer, ScriptedRequest } from "../support/model-server.ts";
import { type PlaneApi, startPlaneApi } from "../support/plane-api.ts";
import { type Alertmanager, startAlertmanager } from "./support/alertmanager.ts";
import type { EncryptedPerson } from "./support/encrypted-person.ts";
import {
  answerWith,
  bodyOf,
  type EncryptedStage,
  ops,
  startEncryptedStage,
  untilJoined,
} from "./support/encrypted-stage.ts";
import { type Miniflux, startMiniflux } from "./support/miniflux.ts";
import { poll } from "./support/poll.ts";
import { type Radicale, startRadicale } from "./support/radicale.ts";
import type { ShippedGateway } from "./support/shipped.ts";

const token = "a-token-for-jobs-of-32-characters";
const chat = 1001;
const day = 86_400_000;
const iso = (time: number): string => new Date(time).toISOString();

/** What the gateway answers to a request for a job. */
interface Asked {
  readonly slot: string;
  readonly attempt: number;
  readonly state: string;
  readonly run?: string | null;
}

/** Says all it was given: a list with numbers is referred to by these, and whatever else is repeated. */
function editor({ messages }: ScriptedRequest): Answer {
  const { content } = messages.findLast(({ role }) => role === "user") ?? {};
  const given = String(content);
  const numbers = [...given.matchAll(/^\[(\d+)\]/gm)].map(([, number]) => number);
  if (numbers.length > 0)
    return { text: `**Homelab**\n${numbers.map((number) => `- [${number}] worth a look`).join("\n")}` };
  return { text: `In short:\n${given}` };
}

describe("the three jobs over real sources", () => {
  let alertmanager: Alertmanager;
  let radicale: Radicale;
  let miniflux: Miniflux;
  let plane: PlaneApi;
  let botApi: BotApi;
  let stage: EncryptedStage;
  let gateway: ShippedGateway;
  let ada: EncryptedPerson;
  let room: string;
  let privateUrl: string;
  const down = new Set<string>();

  const config = (toml: string): string => {
    privateUrl = `http://${/private = "([^"]+)"/.exec(toml)?.[1]}`;
    const url = (name: string, there: string): string => (down.has(name) ? "http://127.0.0.1:9" : there);
    const deliver = JSON.stringify([`matrix:${room ?? "!none:home.test"}`, `telegram:${chat}`]);
    const job = (name: string, fn: string, schedule: string, tools: string[]): string => `[jobs.${name}]
agent = "ops"
function = "${fn}"
schedule = "${schedule}"
timezone = "Europe/Berlin"
tools = ${JSON.stringify(tools)}
deliver = ${deliver}
${fn === "review" ? 'for = "matrix:@ada:home.test"\n' : ""}`;
    return `${toml
      .replace('when_tainted = { act = "allow" }\n', "")
      .replace("[listen]\n", `[listen]\ntoken = { env = "OPENCLAW_TOKEN" }\n`)
      .replace('tools = ["files_send"]', 'tools = ["alerts_*", "calendar_*", "feeds_*", "tasks_*", "commitments_*"]')
      .replace(
        'backend = "main"\nprompt = "prompt.md"\ntools',
        'telegram = true\nbackend = "main"\nprompt = "prompt.md"\ntools',
      )}
[telegram.home]
token = { env = "TELEGRAM_TOKEN" }
webhook_secret = { env = "TELEGRAM_SECRET" }
api_root = "${botApi.url}"
agent = "ops"
[tools.alerts]
url = "${url("alerts", alertmanager.url)}"
[tools.calendar.calendars.home]
url = "${url("calendar", `${radicale.url}/${radicale.user}/`)}"
user = "${radicale.user}"
password = { env = "CALDAV_PASSWORD" }
[tools.feeds]
url = "${url("feeds", miniflux.url)}"
token = { env = "MINIFLUX_TOKEN" }
[tools.tasks]
url = "${url("tasks", plane.url)}"
token = { env = "PLANE_TOKEN" }
workspace = "${plane.workspace}"
${job("morning-briefing", "briefing", "0 8 * * 1-5", ["alerts_list", "calendar_agenda"])}
${job("weekly-digest", "digest", "0 19 * * 5", ["feeds_unread", "feeds_mark_read"])}
${job("task-review", "review", "0 9 * * 1", ["tasks_mine", "commitments_list"])}`;
  };

  before(async () => {
    [alertmanager, radicale, miniflux, plane, botApi] = await Promise.all([
      startAlertmanager(),
      startRadicale(),
      startMiniflux(),
      startPlaneApi(),
      startBotApi(),
    ]);
    stage = await startEncryptedStage({
      script: editor,
      config,
      environment: {
        OPENCLAW_TOKEN: token,
        TELEGRAM_TOKEN: "1:abc",
        TELEGRAM_SECRET: "a-secret-of-enough-letters",
        CALDAV_PASSWORD: radicale.password,
        MINIFLUX_TOKEN: miniflux.token,
        PLANE_TOKEN: plane.key,
      },
    });
    ada = await stage.person("ada");
    room = await ada.createEncryptedRoom({ name: "Ops" });
    stage.rooms.push(room);
    gateway = await start();
    await ada.client.invite(room, ops);
    await untilJoined(ada, room, ops);
  });
  after(async () => {
    await stage?.stop();
    await Promise.all([alertmanager?.stop(), radicale?.stop(), miniflux?.stop(), plane?.stop(), botApi?.stop()]);
  });

  /** Ready but for the webhook, which nobody has set: nobody writes to the bot here. */
  async function start(): Promise<ShippedGateway> {
    const started = await stage.launch();
    await poll("the agent's keys to be ready", async () => {
      const parts = (await (await fetch(`${privateUrl}/readyz`)).json()) as Record<string, { ok: boolean } | undefined>;
      return (parts["matrix.ops"]?.ok && parts["matrix"]?.ok) || undefined;
    });
    return started;
  }

  async function restart(): Promise<void> {
    await gateway.stop();
    gateway = await start();
  }

  async function ask(job: string, query = "?wait=1"): Promise<Asked & { readonly status: number }> {
    const response = await fetch(`${privateUrl}/jobs/${job}${query}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    const body = (await response.json()) as Asked;
    return { ...body, status: response.status };
  }

  /** The message with this text in it, in the room and in the chat. */
  async function heard(text: string): Promise<{ matrix: string; telegram: string }> {
    const event = await answerWith(ada, room, ops, text);
    assert.equal(event.isEncrypted(), true);
    const said = await poll("the chat to have it", async () =>
      botApi
        .sent(chat)
        .map((message) => message.text)
        .find((each) => each.includes(text)),
    );
    return { matrix: bodyOf(event), telegram: said };
  }

  test("the briefing has what fires and what the day holds, in the room and in the chat, and comes once", async () => {
    await alertmanager.post({
      labels: { alertname: "DiskAlmostFull", severity: "warning", instance: "nas" },
      annotations: { summary: "7 % left on /srv" },
      startsAt: iso(Date.now() - 3_600_000),
    });
    await radicale.makeCalendar("family", "Family");
    const slot = dueSlot({ schedule: "0 8 * * 1-5", timezone: "Europe/Berlin" }, new Date());
    const date = slot?.toISOString().slice(0, 10).replaceAll("-", "") ?? "";
    await radicale.put("family", "dentist", event("dentist", `${date}T130000Z`, `${date}T140000Z`, "Dentist"));
    const first = await ask("morning-briefing");
    assert.deepEqual([first.status, first.state], [202, "done"]);
    const { matrix, telegram } = await heard("DiskAlmostFull");
    for (const said of [matrix, telegram]) {
      assert.match(said, /7 % left on \/srv/);
      assert.match(said, /Dentist/);
    }
    const again = await Promise.all(Array.from({ length: 5 }, () => ask("morning-briefing")));
    for (const { status, state, run } of again) assert.deepEqual([status, state, run], [200, "done", first.run]);
    assert.equal(botApi.sent(chat).filter(({ text }) => text.includes("DiskAlmostFull")).length, 1);
  });

  test("the digest links what the feeds brought, and marks it as read when it is delivered, not before", async () => {
    const published = iso(Date.now() - day / 2);
    await miniflux.subscribe({
      title: "LWN",
      category: "Linux",
      items: [
        { title: "A kernel release", url: "https://lwn.example/kernel", published, html: "<p>It is out.</p>" },
        { title: "A new filesystem", url: "https://lwn.example/fs", published, html: "<p>It is fast.</p>" },
      ],
    });
    botApi.fail("sendMessage", 3, {
      error_code: 429,
      description: "Too Many Requests",
      parameters: { retry_after: 1 },
    });
    const slot = await ask("weekly-digest", "");
    assert.equal(slot.status, 202);
    await botApi.waitFor(({ payload }) => JSON.stringify(payload).includes("https://lwn.example/kernel"), 20_000);
    assert.equal((await miniflux.unread()).length, 2, "it is not delivered yet");
    const { telegram } = await heard("A kernel release");
    assert.match(telegram, /A new filesystem/);
    await poll("the entries to be marked", async () => ((await miniflux.unread()).length === 0 ? true : undefined));
    await poll("the job to be done", async () =>
      (await ask("weekly-digest", "")).state === "done" ? true : undefined,
    );
    const inRoom = await answerWith(ada, room, ops, "A kernel release");
    assert.match(String(inRoom.getContent()["formatted_body"]), /<a href="https:\/\/lwn\.example\/kernel">/);
    const inChat = botApi.sent(chat).find(({ text }) => text.includes("A kernel release"));
    assert.ok(inChat?.entities?.some((each) => each.type === "text_link" && each.url === "https://lwn.example/fs"));
  });

  test("the review has the tickets by date and state, and the promises of the person it is for", async () => {
    const today = (offset: number): string => iso(Date.now() + offset * day).slice(0, 10);
    plane.add({ name: "Renew the certificate", target_date: today(-3), state: "Todo" });
    plane.add({ name: "Order a disk", target_date: today(2), state: "In Progress" });
    plane.add({ name: "Not mine", target_date: today(-1), assignees: ["grace"] });
    const { state } = await ask("task-review");
    assert.equal(state, "done");
    const { telegram } = await heard("Renew the certificate");
    assert.match(telegram, /Order a disk/);
    assert.doesNotMatch(telegram, /Not mine/);
  });

  test("with any source down the job names it and goes on with the rest, or says that alone", async () => {
    down.add("calendar");
    await restart();
    assert.equal((await ask("morning-briefing", "?rerun=1&wait=1")).state, "done");
    assert.match((await heard("Calendar could not be read")).telegram, /DiskAlmostFull/);
    down.add("alerts").delete("calendar");
    await restart();
    assert.equal((await ask("morning-briefing", "?rerun=1&wait=1")).state, "done");
    assert.match((await heard("Alerts could not be read")).telegram, /Dentist/);
    down.add("feeds").add("tasks").add("calendar");
    await restart();
    for (const [job, words] of [
      ["weekly-digest", "Feeds could not be read"],
      ["task-review", "Tasks could not be read"],
    ] as const) {
      assert.equal((await ask(job, "?rerun=1&wait=1")).state, "done");
      await heard(words);
    }
    down.clear();
    await restart();
  });

  test("a dry run shows what would be said, and sends, marks and keeps nothing", async () => {
    await miniflux.subscribe({
      title: "Hackaday",
      category: "Hardware",
      items: [
        { title: "A soldering robot", url: "https://had.example/robot", published: iso(Date.now()), html: "<p>-</p>" },
      ],
    });
    const before = botApi.sent(chat).length;
    const response = await fetch(`${privateUrl}/jobs/weekly-digest?dry=1`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    assert.match(JSON.stringify(await response.json()), /A soldering robot/);
    assert.equal(botApi.sent(chat).length, before);
    assert.equal((await miniflux.unread()).length, 1);
  });
});

const event = (uid: string, start: string, end: string, title: string): string =>
  [
    ...[
      "BEGIN:VCALENDAR",
      "VERSION:2.0",
      "PRODID:-//test//EN",
      "BEGIN:VEVENT",
      `UID:${uid}`,
      "DTSTAMP:20260101T000000Z",
    ],
    ...[`DTSTART:${start}`, `DTEND:${end}`, `SUMMARY:${title}`, "END:VEVENT", "END:VCALENDAR", ""],
  ].join("\r\n");
