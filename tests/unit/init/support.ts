/** Answers of a made-up house, and what is left out of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Answers, Key } from "../../../lib/init/answers.ts";
import { type Given, interview, type InterviewOptions } from "../../../lib/init/interview.ts";
import type { Person } from "../../../lib/init/question.ts";

/** What has to be known, for Matrix. */
export const least: Partial<Record<Key, string>> = {
  timezone: "Europe/Berlin",
  llmUrl: "https://llm.example/v1",
  llmKey: "canary-llm-key",
  model: "some-model",
  matrixUser: "@me:home.example",
};

/** All there is. */
export const most: Partial<Record<Key, string>> = {
  ...least,
  price: "0.25/2",
  images: "yes",
  matrixRoom: "!ops:home.example",
  telegramToken: "111:canary-telegram-token",
  telegramUser: "123456789",
  publicUrl: "https://claw.example",
  alertsUrl: "http://127.0.0.1:9093",
  calendarUrl: "http://127.0.0.1:5232/me",
  calendarUser: "me",
  calendarPassword: "canary-caldav",
  feedsUrl: "http://127.0.0.1:8082",
  feedsToken: "canary-miniflux",
  tasksUrl: "https://plane.home.example",
  tasksWorkspace: "home",
  tasksToken: "canary-plane",
  recipient: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
};

/** As if each were given by a flag. */
export const givenAs = (values: Partial<Record<Key, string>>): Map<Key, Given> =>
  new Map(Object.entries(values).map(([key, text]) => [key as Key, { text, from: `--${key}` }]));

/** What comes of answers that are given, with nobody there. */
export const answersOf = (values: Partial<Record<Key, string>>): Promise<Answers> =>
  interview({ given: givenAs(values), person: undefined, defaults: false, looks: undefined, tell: () => {} });

/** Somebody who answers each question by its beginning, several times if need be, and with enter otherwise. */
export function personOf(says: Readonly<Record<string, readonly string[]>>): {
  readonly person: Person;
  readonly asked: string[];
  readonly hidden: string[];
  readonly told: string[];
} {
  const left = new Map(Object.entries(says).map(([question, answers]) => [question, [...answers]]));
  const [asked, hidden, told]: [string[], string[], string[]] = [[], [], []];
  const person: Person = {
    async ask(question, isHidden) {
      asked.push(question);
      if (isHidden) hidden.push(question);
      if (asked.length > 100) throw new Error(`asked for ever: ${question}`);
      const [, answers] = [...left].find(([start]) => question.trim().startsWith(start)) ?? [];
      return answers?.shift() ?? "";
    },
    tell: (line) => void told.push(line.trim()),
  };
  return { person, asked, hidden, told };
}

/** Asks a person, who is given nothing. */
export const interviewed = (
  person: Person,
  options: Partial<InterviewOptions> = {},
): Promise<Partial<Record<Key, string>>> =>
  interview({
    given: new Map(),
    person,
    defaults: false,
    looks: undefined,
    tell: (line) => person.tell(line),
    ...options,
  });

/** A folder that is removed after the test. */
export function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-init-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}
