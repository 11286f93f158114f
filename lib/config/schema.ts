/** The shape of openclaw.toml, strict: an unknown key is an error. Cross-references are checked in check.ts. */
import { z } from "zod";

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "must be lower-case letters, digits and '-', begin with a letter, 32 at most");

/** A secret by reference. A literal is refused, so that the file can be shown and committed. */
export const secretRef = z.union(
  [z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().startsWith("/") })],
  { error: 'must be { env = "NAME" } or { file = "/absolute/path" }, never the secret itself' },
);

/** A person on a channel, by full Matrix id or numeric Telegram id. */
export const principal = z
  .string()
  .regex(
    /^(matrix:@[^\s:]+:[^\s]+|telegram:[1-9][0-9]{0,15})$/,
    'must be a full id: "matrix:@name:server" or "telegram:123456789" (numeric; usernames can be recycled)',
  );

const roomId = z.string().regex(/^![^\s]+$/, 'must be a room id such as "!abc:home.example" (an alias can be moved)');

const toolGlob = z
  .string()
  .regex(/^(\*|[a-z][a-z0-9]*_\*|[a-z][a-z0-9]*(_[a-z0-9]+)+)$/, 'must be a tool, a family ("alerts_*") or "*"');

const agentGlob = z.union([z.literal("*"), name]);

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:]+):[0-9]{1,5}$/, 'must be "address:port", such as "127.0.0.1:8081"');

const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s/]+[^\s]*$/, "must be an http:// or https:// URL")
  .transform((url) => url.replace(/\/+$/, ""));

const money = z.number().nonnegative();
const seconds = z.number().positive();
const count = z.int().positive();

const backend = z.strictObject({
  base_url: httpUrl.describe("Where the OpenAI-compatible API lives, usually ending in /v1."),
  api_key: secretRef.optional().describe("Left out for a local server that wants none."),
  model: z.string().min(1),
  api: z.enum(["chat", "responses"]).default("chat").describe("Chat completions or the Responses API."),
  images: z.boolean().default(false).describe("Whether the model takes images."),
  transcription_model: z.string().min(1).optional().describe("Turns voice notes to text at /audio/transcriptions."),
  fallback: z.array(name).default([]).describe("Backends tried in order when this one fails."),
  price: z
    .strictObject({ input: money, cached: money.optional(), output: money })
    .optional()
    .describe("Per million tokens, in your currency."),
  stall_seconds: seconds.default(60).describe("A stream silent for this long counts as failed."),
  timeout_seconds: seconds.default(300).describe("The longest one call may take."),
  retries: z.int().min(0).max(10).default(2),
  max_output_tokens: count.default(4096),
});

const group = z.strictObject({
  members: z.array(principal).default([]),
  agents: z.array(agentGlob).default([]).describe("Agents these people may talk to."),
  tools: z.array(toolGlob).default([]).describe("Tools agents may use for these people."),
  deny: z.array(toolGlob).default([]).describe("Taken away again; wins over every grant of every group."),
  approve: z.boolean().default(false),
});

const agent = z.strictObject({
  description: z.string().min(1).max(200),
  function: z.enum(["chat"]).default("chat").describe("The agent function in functions/agents/."),
  backend: name,
  prompt: z.string().min(1).describe("A text file, relative to openclaw.toml."),
  tools: z
    .array(toolGlob)
    .default([])
    .describe("The agent's allowlist; a person gets its intersection with their groups."),
  deny: z.array(toolGlob).default([]),
  limits: z
    .strictObject({
      steps: count.default(12).describe("Model calls in one run."),
      tokens_per_run: count.default(100_000),
      seconds: seconds.default(300),
      history_tokens: z.int().min(0).default(8_000).describe("How much of the conversation the model is shown."),
    })
    .prefault({}),
  matrix: z
    .strictObject({
      localpart: z.string().regex(/^[a-z0-9._=\-/+]+$/, "must be a Matrix localpart (lower case)"),
      display_name: z.string().min(1).optional(),
      avatar: z.string().min(1).optional().describe("An image file, relative to openclaw.toml."),
      rooms: z.array(roomId).default([]).describe("The only rooms this agent joins, besides direct chats."),
      direct: z.boolean().default(true).describe("Accept direct chats from people whose groups name this agent."),
      answer: z.enum(["mentioned", "always"]).default("mentioned").describe("In rooms with others."),
    })
    .optional(),
  telegram: z.boolean().default(false).describe("Whether the agent can be reached by the Telegram bots."),
});

const matrix = z.strictObject({
  homeserver: httpUrl.describe("The homeserver's client-server API as the gateway reaches it."),
  server_name: z.string().min(1).describe("The part after the colon in Matrix ids."),
  as_token: secretRef,
  hs_token: secretRef,
  sender_localpart: z.string().default("openclaw"),
  namespace: z.string().default("agent_").describe("The prefix of every agent's localpart."),
  progress: z.boolean().default(true).describe("One progress line for runs over 8 s."),
});

const telegramBot = z.strictObject({
  token: secretRef,
  webhook_secret: secretRef.describe("1-256 of A-Z a-z 0-9 _ -"),
  webhook_url: httpUrl.optional().describe("Public URL of this bot's webhook, for `claw telegram set-webhook`."),
  agent: name.describe("Who answers until the person picks another by /agent."),
  chats: z
    .array(z.int().negative("must be a group's id, which is negative"))
    .default([])
    .describe("Group chats the bot answers in; private chats need no entry."),
  progress: z.boolean().default(true).describe("One progress line for runs over 8 s."),
  api_root: httpUrl.default("https://api.telegram.org"),
});

/** openclaw.toml as written. */
export const configSchema = z.strictObject({
  timezone: z
    .string()
    .refine((zone) => isTimeZone(zone), 'must be an IANA time zone such as "Europe/Berlin"')
    .default("UTC"),
  operator: z.string().optional().describe('Where trouble is reported: a principal or "matrix:!room:server".'),
  key: secretRef.prefault({ env: "OPENCLAW_KEY" }).describe("32 random bytes, by `claw keys new`."),
  data_dir: z.string().default("data").describe("The embedded database's place, relative to openclaw.toml."),
  listen: z
    .strictObject({ public: address.default("0.0.0.0:8080"), private: address.default("127.0.0.1:8081") })
    .prefault({}),
  database: z
    .strictObject({ url: secretRef, pool: z.int().min(2).max(100).default(10) })
    .optional()
    .describe("Left out: DATABASE_URL if set, else an embedded PostgreSQL in data_dir."),
  workers: z.int().min(1).max(200).default(16).describe("Conversations worked on at once by this process."),
  log_level: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
  media: z
    .strictObject({
      max_image_mb: z.number().positive().max(20).default(5),
      max_voice_mb: z.number().positive().max(25).default(20),
    })
    .prefault({}),
  backends: z.record(name, backend),
  groups: z.record(name, group),
  agents: z.record(name, agent),
  matrix: matrix.optional(),
  telegram: z.record(name, telegramBot).default({}),
  tools: z
    .strictObject({
      commitments: z
        .strictObject({ max_open: count.default(200).describe("Open commitments one person may have.") })
        .prefault({}),
      history: z.strictObject({ days: count.default(90).describe("How far back history_search looks.") }).prefault({}),
    })
    .prefault({})
    .describe("Settings of tool families."),
});

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export type SecretRef = z.output<typeof secretRef>;
export type RawConfig = z.output<typeof configSchema>;
export type BackendSettings = RawConfig["backends"][string];
export type GroupSettings = RawConfig["groups"][string];
export type AgentSettings = RawConfig["agents"][string];
export type MatrixSettings = NonNullable<RawConfig["matrix"]>;
export type TelegramSettings = RawConfig["telegram"][string];
