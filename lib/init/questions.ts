/** All questions, in the order they are asked. */
import { z } from "zod";
import { isAgeRecipient } from "../config/age-recipient.ts";
import { address, httpUrl, name, timezone } from "../config/primitives.ts";
import { deploymentOf, deployments, isDeployment } from "./deployments.ts";
import { isPlain, type Seen } from "./look.ts";
import { by, type Question, secretText, tokenText, wrong } from "./question.ts";
import { channelQuestions } from "./questions-channels.ts";
import { serviceQuestions } from "./questions-services.ts";
import { givenSecrets } from "./secrets.ts";

/** Of a flag without a value. */
const isSwitch = (): string => "yes";

const line = z
  .string()
  .max(200, "must have 200 characters at most")
  .regex(/^[^\p{Cc}]+$/u, "must be one line");

const start: readonly Question[] = [
  {
    key: "deployment",
    flag: "--for <place>",
    help: 'where the gateway runs: "here" (this folder), "compose" or "systemd"',
    suggest: () => "here",
    check: (text) => {
      if (!isDeployment(text)) throw wrong(`must be ${Object.keys(deployments).join(", ")}`);
      return text;
    },
  },
  {
    key: "credentials",
    flag: "--credentials",
    help: "each secret as a file for systemd's LoadCredential=, instead of .env",
    when: ({ deployment }) => deployment === "systemd",
    otherwise: "a .env",
    check: isSwitch,
  },
  {
    key: "timezone",
    flag: "--timezone <zone>",
    help: "whose clock jobs and agents go by (default: this machine's)",
    ask: "Time zone",
    suggest: () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    check: by(timezone),
  },
];

/** What was seen where it is this that is hardly right: all else is told when the model is asked for. */
const doubted = <Of>(what: Seen<Of>["doubt"], seen: Seen<Of>): Seen<Of> | undefined =>
  seen.doubt === what ? seen : undefined;

const model: readonly Question[] = [
  {
    key: "llmUrl",
    flag: "--llm-url <url>",
    help: "an OpenAI-compatible endpoint, usually ending in /v1",
    ask: "The model's endpoint, OpenAI-compatible, usually ending in /v1",
    check: by(httpUrl),
    look: async ({ llmUrl = "" }, looks) => doubted("address", await looks.models(llmUrl, undefined)),
  },
  {
    key: "llmKey",
    flag: "--llm-key-file <file>",
    help: "a file with its API key (or the variable LLM_API_KEY; --no-llm-key where it wants none)",
    ask: "Its API key",
    secret: givenSecrets.llmKey,
    leftOutBy: "--no-llm-key",
    otherwise: "it wants none",
    check: tokenText,
    look: async ({ llmUrl = "", llmKey }, looks) => doubted("secret", await looks.models(llmUrl, llmKey)),
  },
  {
    key: "model",
    flag: "--model <name>",
    help: "the model's name at that endpoint",
    ask: "Model",
    before: async ({ llmUrl = "", llmKey }, looks) => (await looks.models(llmUrl, llmKey)).said,
    suggest: async ({ llmUrl = "", llmKey }, looks) => {
      const { value: [only, ...others] = [] } = (await looks?.models(llmUrl, llmKey)) ?? {};
      return only !== undefined && others.length === 0 && isPlain(only) ? only : undefined;
    },
    check: by(line),
    look: async ({ llmUrl = "", llmKey, model = "" }, looks) => {
      const { value } = await looks.models(llmUrl, llmKey);
      if (value === undefined || value.includes(model)) return undefined;
      return { said: `${llmUrl} does not list it: see that the name is right`, doubt: "name" };
    },
  },
  { key: "images", flag: "--images", help: "the model takes images", otherwise: "it takes none", check: isSwitch },
  {
    key: "price",
    flag: "--price <input/output>",
    help: 'its price per million tokens, such as "0.25/2" (default: what the provider reports, else its list price)',
    otherwise: "what the provider reports",
    check: by(z.string().regex(/^\d{1,6}(\.\d{1,6})?\/\d{1,6}(\.\d{1,6})?$/, 'must be input/output, such as "0.25/2"')),
  },
];

const agent: readonly Question[] = [
  {
    key: "agent",
    flag: "--agent <name>",
    help: 'the agent\'s name; "ops" and "helper" have instructions of their own',
    ask: "Your agent's name",
    suggest: () => "ops",
    check: by(name),
  },
  {
    key: "description",
    flag: "--description <line>",
    help: "what it is for, shown to people who list the agents",
    ask: "What it is for, in one line",
    suggest: (known) => (known.agent === "helper" ? "Helps everybody keep their promises" : "Watches the homelab"),
    check: by(line),
  },
];

/** Before the channels, which are told where to push to. */
const listeners: readonly Question[] = [
  {
    key: "listenPublic",
    flag: "--listen-public <address:port>",
    help: "what Telegram and the homeserver reach, by a proxy",
    suggest: (known) => deploymentOf(known).listenPublic,
    check: by(address),
  },
  {
    key: "listenPrivate",
    flag: "--listen-private <address:port>",
    help: "jobs, health, metrics and the ops page",
    suggest: (known) => deploymentOf(known).listenPrivate,
    check: by(address),
  },
];

const house: readonly Question[] = [
  {
    key: "scheduler",
    flag: "--scheduler <who>",
    help: 'who fires jobs: "internal", the gateway\'s own clock, or "external" timers (default: external for systemd)',
    suggest: (known) => deploymentOf(known).scheduler,
    check: by(z.enum(["internal", "external"], { error: "must be internal or external" })),
  },
  {
    key: "databaseUrl",
    flag: "--database-url-file <file>",
    help: "a file with the URL of your own PostgreSQL (or the variable DATABASE_URL)",
    secret: givenSecrets.databaseUrl,
    when: ({ deployment }) => deployment !== "compose",
    otherwise: "the embedded one",
    check: (text, known) => {
      if (!/^postgres(ql)?:\/\//.test(text)) throw wrong("must be as postgres://user:password@host:5432/database");
      return secretText(text, known);
    },
  },
  {
    key: "recipient",
    flag: "--recipient <age1...>",
    help: "your age recipient: its identity, kept elsewhere, opens every run of the audit trail",
    ask: "An age recipient that can open the audit trail, age1…",
    otherwise: "none",
    check: (text) => {
      if (!isAgeRecipient(text))
        throw wrong("must be a whole recipient, age1… and 58 more characters, as age-keygen prints it");
      return text;
    },
  },
];

/** Every question. A later one may look at the answers before it. */
export const questions: readonly Question[] = [
  ...start,
  ...model,
  ...agent,
  ...listeners,
  ...channelQuestions,
  ...serviceQuestions,
  ...house,
];
