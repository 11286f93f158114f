import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Looks } from "../../../lib/init/question.ts";
import { answersOf, givenAs, interviewed, least, most, personOf } from "./support.ts";

const looks: Looks = {
  models: async (url, key) => ({ value: ["only-model"], said: `models of ${url} with ${key}` }),
  homeserver: async (url) => (url.startsWith("http://127") ? { said: "nobody there" } : { value: true, said: "there" }),
  discover: async (name) => `https://matrix.${name}`,
  bot: async () => ({ value: "home_bot", said: "that is @home_bot" }),
  writers: async () => ({ value: [], said: "" }),
};

describe("a person is asked", () => {
  test("only for what was not given, again where an answer will not do, with the reason", async () => {
    const { person, asked, hidden, told } = personOf({
      "Time zone": ["Berlin", "Europe/Berlin"],
      "The model's endpoint": ["", "llm.example", "https://llm.example/v1/"],
      "Its API key": ["two words", "sk-canary"],
      Model: ["some-model"],
      "Your agent's name": ["Ops", "watchdog"],
      "Your Matrix id": ["me", "@me:home.example"],
    });
    const answers = await interviewed(person);
    assert.deepEqual(
      [answers.timezone, answers.llmUrl, answers.llmKey, answers.model, answers.agent, answers.matrixUser],
      ["Europe/Berlin", "https://llm.example/v1", "sk-canary", "some-model", "watchdog", "@me:home.example"],
    );
    assert.deepEqual(told, [
      'it must be an IANA time zone such as "Europe/Berlin"',
      "this has to be known",
      "it must be an http:// or https:// URL, without user or password in it",
      "it must be one word of plain letters: is more than the secret there?",
      "it must be lower-case letters, digits and '-', begin with a letter, 32 at most",
      "it must be your whole id: @name:server",
    ]);
    assert.ok(hidden.every((question) => question.includes("(not shown)")));
    assert.deepEqual(
      new Set(hidden.map((question) => question.slice(0, 12))),
      new Set(["Its API key ", "A Telegram b"]),
    );
    const { person: other, asked: fewer } = personOf({});
    assert.deepEqual(await interviewed(other, { given: givenAs({ ...most, llmUrl: "https://llm.example/v1/" }) }), {
      ...answers,
      ...most,
      agent: "ops",
      description: "Watches the homelab",
    });
    assert.ok(asked.length > fewer.length);
    assert.deepEqual(
      fewer.map((question) => question.split(" [")[0]),
      [
        "Your agent's name",
        "What it is for, in one line",
        "The homeserver as the gateway reaches it",
        "The gateway as the homeserver reaches it",
      ],
    );
  });

  test("again for who they are on Telegram, where that is no number", async () => {
    const { person, told } = personOf({
      "The model's endpoint": ["https://llm.example/v1"],
      Model: ["m"],
      "A Telegram bot's token": ["1:abc"],
      "Your numeric Telegram id": ["@ada", "telegram:4711"],
    });
    assert.equal((await interviewed(person)).telegramUser, "4711");
    assert.deepEqual(told, ["it must be a number: a username can become another's"]);
  });

  test("for one channel at least", async () => {
    const { person, told } = personOf({
      "The model's endpoint": ["http://127.0.0.1:8000/v1"],
      Model: ["m"],
      "A Telegram bot's token": ["", "nonsense", "1:abc"],
    });
    const answers = await interviewed(person);
    assert.deepEqual([answers.matrixUser, answers.telegramToken, answers.llmKey], [undefined, "1:abc", undefined]);
    assert.deepEqual(told, ["this has to be known", "it must be a number, a colon and letters, as in 123456:ABC-def"]);
  });

  test("and told what is there: models, the homeserver, the bot", async () => {
    const { person, asked, told } = personOf({
      "The model's endpoint": ["https://llm.example/v1"],
      "Its API key": ["sk-canary"],
      "Your Matrix id": ["@me:home.example"],
      "A Telegram bot's token": ["1:abc"],
      Write: ["later"],
    });
    const answers = await interviewed(person, { looks });
    assert.deepEqual([answers.model, answers.homeserver], ["only-model", "https://matrix.home.example"]);
    assert.deepEqual(told, ["models of https://llm.example/v1 with sk-canary", "there", "that is @home_bot"]);
    assert.ok(asked.includes("Model [only-model]:"));
  });

  test("once more where what they named is hardly right; enter takes it all the same", async () => {
    const doubting: Looks = {
      ...looks,
      models: async (url, key) => {
        if (!url.endsWith("/v1")) return { said: "no models there", doubt: "address" };
        return key === "sk-canary" ? { value: ["a", "b"], said: "it has a, b" } : { said: "refused", doubt: "secret" };
      },
      homeserver: async () => ({ said: "nobody there", doubt: "address" }),
      bot: async () => ({ said: "no such bot", doubt: "secret" }),
    };
    const { person, asked, told } = personOf({
      "The model's endpoint": ["https://llm.example", "https://llm.example/v1"],
      "Its API key": ["", "sk-wrong", "sk-canary"],
      Model: ["c", "a"],
      "Your Matrix id": ["@me:home.example"],
      "A Telegram bot's token": ["1:abc", ""],
    });
    const answers = await interviewed(person, { looks: doubting });
    const { llmUrl, llmKey, model, homeserver, telegramToken } = answers;
    assert.deepEqual(
      [llmUrl, llmKey, model, homeserver, telegramToken],
      ["https://llm.example/v1", "sk-canary", "a", "https://matrix.home.example", "1:abc"],
    );
    const again = "; enter takes it all the same";
    assert.deepEqual(
      told.filter((line) => line.endsWith(again)),
      [
        "no models there",
        "refused",
        "refused",
        "https://llm.example/v1 does not list it: see that the name is right",
        "nobody there",
        "no such bot",
      ].map((line) => line + again),
    );
    const times = (start: string): string[] => asked.filter((question) => question.startsWith(start));
    assert.match(times("The model's endpoint").at(-1) ?? "", /\[https:\/\/llm\.example\]:$/);
    assert.match(times("A Telegram bot's token").at(-1) ?? "", /\(not shown\) \(enter: the same\):$/);
    assert.deepEqual([times("Its API key").length, times("Model").length, times("The homeserver").length], [3, 2, 2]);
  });

  test("and no suggestion is taken from a server's words that a terminal would not show as they are", async () => {
    const models: Looks["models"] = async () => ({ value: ["a\u001b[2Jb"], said: "it has a [2Jb" });
    const { person, asked } = personOf({
      "The model's endpoint": ["https://llm.example/v1"],
      Model: ["m"],
      "Your Matrix id": ["@me:home.example"],
    });
    const answers = await interviewed(person, { looks: { ...looks, models } });
    assert.equal(answers.model, "m");
    assert.ok(asked.includes("Model:"), asked.join("\n"));
  });

  test("who they are on Telegram, by a number that they write to the bot", async () => {
    const looked: string[] = [];
    const writers: Looks["writers"] = async (text) => {
      looked.push(text);
      return { value: looked.length === 1 ? [] : [{ id: "42", name: "Ada (@ada)" }], said: "" };
    };
    const { person, told, asked } = personOf({
      "The model's endpoint": ["https://llm.example/v1"],
      "A Telegram bot's token": ["1:abc"],
    });
    const answers = await interviewed(person, { looks: { ...looks, writers } });
    assert.equal(answers.telegramUser, "42");
    assert.ok(told.includes("it has not come yet") && told.includes("that was Ada (@ada), id 42"));
    const [number = ""] = looked;
    assert.match(number, /^[1-9]\d{5}$/);
    assert.deepEqual(looked, [number, number]);
    const question = `Write ${number} to @home_bot in Telegram, then press enter (or type "later")`;
    assert.equal(asked.filter((each) => each === question).length, 2);
    const other = personOf({ "The model's endpoint": ["https://llm.example/v1"], "A Telegram bot's token": ["1:abc"] });
    const hook = { ...looks, writers: async () => ({ said: "this bot has a webhook already" }) };
    assert.equal((await interviewed(other.person, { looks: hook })).telegramUser, undefined);
    assert.ok(other.told.includes("this bot has a webhook already"));
  });

  test("with --yes, only for what has no default; a key is not forgotten", async () => {
    const { person, asked } = personOf({
      "The model's endpoint": ["https://llm.example/v1"],
      "Its API key": ["sk-canary"],
      Model: ["m"],
      "A Telegram bot's token": ["1:abc"],
    });
    await interviewed(person, { defaults: true });
    assert.deepEqual(
      asked.map((question) => question.split(" ").slice(0, 3).join(" ")),
      ["The model's endpoint,", "Its API key", "Model:", "A Telegram bot's"],
    );
  });

  test("nothing more once what was given is wrong", async () => {
    const { person, asked } = personOf({});
    await assert.rejects(
      interviewed(person, { given: givenAs({ ...least, timezone: "Berlin" }) }),
      /^ClawError: --timezone: must be an IANA time zone such as "Europe\/Berlin"$/,
    );
    assert.deepEqual(asked, []);
  });
});

describe("with nobody there", () => {
  test("everything that is missing or wrong is said at once, by its flag", async () => {
    await assert.rejects(
      answersOf({ deployment: "kubernetes", llmUrl: "llm", homeserver: "http://127.0.0.1:8008" }),
      (thrown: Error) => {
        assert.deepEqual(
          thrown.message.split("\n").map((line) => line.split(": ").slice(0, 2).join(": ")),
          [
            "--deployment: must be here, compose, systemd",
            "--llmUrl: must be an http:// or https:// URL, without user or password in it",
            "--llm-key-file <file>: is missing",
            "--model <name>: is missing",
            "--homeserver means nothing here: the homeserver's client-server API as the gateway reaches it",
            "--telegram-token-file <file>: is missing",
            "(nobody was asked, since standard input is no terminal: `claw init --help` has all flags)",
          ],
        );
        return true;
      },
    );
  });

  test("what follows from the rest is taken", async () => {
    const { timezone: _, ...given } = least;
    const answers = await answersOf({ ...given, deployment: "systemd", matrixUser: "matrix:@me:home.example:8448" });
    assert.deepEqual(
      [
        answers.timezone,
        answers.matrixUser,
        answers.matrixServer,
        answers.scheduler,
        answers.listenPublic,
        answers.agent,
      ],
      [
        Intl.DateTimeFormat().resolvedOptions().timeZone,
        "@me:home.example:8448",
        "home.example:8448",
        "external",
        "127.0.0.1:8080",
        "ops",
      ],
    );
    assert.equal((await answersOf({ ...given, llmKey: "" })).llmKey, undefined);
  });

  test("a public address is https, unless the Bot API server is one's own", async () => {
    const telegram = { ...most, publicUrl: "http://claw.example" };
    await assert.rejects(answersOf(telegram), /--publicUrl: must begin with https/);
    const answers = await answersOf({ ...telegram, telegramApiRoot: "http://127.0.0.1:8082" });
    assert.equal(answers.publicUrl, "http://claw.example");
  });
});
