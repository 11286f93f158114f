/** The shape of openclaw.toml, strict: an unknown key is an error. Cross-references are checked in check.ts. */
import { z } from "zod";
import { defaultPrivateAddress } from "./listen-address.ts";
import {
  name,
  secretRef,
  principal,
  roomId,
  toolGlob,
  agentGlob,
  address,
  httpUrl,
  localpart,
  money,
  seconds,
  count,
  roomName,
  timezone,
} from "./primitives.ts";
import { httpSection } from "./sections/http.ts";
import { linkHosts } from "./sections/links.ts";
import { messageSettings } from "./sections/message.ts";
import { notesSettings } from "./sections/notes.ts";
import { agentBudget, budget, groupLimits, rate } from "./sections/budget.ts";
import { audit, drift, ops } from "./sections/evidence.ts";
import { jobsSection, scheduler } from "./sections/jobs.ts";
import { mcpSection } from "./sections/mcp.ts";
import { alertsSection, calendarSection, feedsSection, scheduleSection, tasksSection } from "./sections/services.ts";
import { groupAccess, room } from "./sections/access.ts";
import { agentPolicy } from "./sections/agent-policy.ts";

const backend = z.strictObject({
  base_url: httpUrl.describe("Where the OpenAI-compatible API lives, usually ending in /v1."),
  api_key: secretRef.optional().describe("Left out for a local server that wants none."),
  model: z.string().min(1).describe("The model's name at that endpoint."),
  api: z.enum(["chat", "responses"]).default("chat").describe("Chat completions or the Responses API."),
  images: z.boolean().default(false).describe("Whether the model takes images."),
  transcription_model: z.string().min(1).optional().describe("Turns voice notes to text at /audio/transcriptions."),
  fallback: z.array(name).default([]).describe("Backends tried in order when this one fails."),
  price: z
    .strictObject({
      input: money.describe("Fresh input."),
      cached: money.optional().describe("Input the provider had cached; as input where left out."),
      output: money.describe("Output."),
    })
    .optional()
    .describe("Per million tokens, in `budget.currency`."),
  stall_seconds: seconds.default(60).describe("A stream silent for this long counts as failed."),
  timeout_seconds: seconds.default(300).describe("The longest one call may take."),
  retries: z.int().min(0).max(10).default(2).describe("Further attempts before the fallback is taken."),
  max_output_tokens: count.default(4096).describe("The longest answer of one call."),
  image_tokens: count.default(4096).describe("The most that one image counts as; what budgets hold for it."),
});

const group = z.strictObject({
  members: z.array(principal).default([]).describe("People, by full Matrix id or numeric Telegram id."),
  agents: z.array(agentGlob).default([]).describe("Agents these people may talk to."),
  tools: z.array(toolGlob).default([]).describe("Tools agents may use for these people."),
  deny: z.array(toolGlob).default([]).describe("Taken away again; wins over every grant of every group."),
  limits: groupLimits,
  ...groupAccess,
});

const agent = z.strictObject({
  description: z.string().min(1).max(200).describe("One line, shown to people who list the agents."),
  function: z.enum(["chat"]).default("chat").describe("The agent function in functions/agents/."),
  backend: name.describe("One of [backends]."),
  prompt: z.string().min(1).describe("A text file, relative to openclaw.toml."),
  tools: z
    .array(toolGlob)
    .default([])
    .describe("The agent's allowlist; a person gets its intersection with their groups."),
  deny: z.array(toolGlob).default([]).describe("Never called by this agent, whoever asks."),
  link_hosts: linkHosts,
  ...agentPolicy,
  limits: z
    .strictObject({
      steps: count.default(12).describe("Model calls in one run."),
      tokens_per_run: count.default(100_000).describe("Input and output tokens of all its calls."),
      seconds: seconds.default(300).describe("From its first step to its answer."),
      history_tokens: z.int().min(0).default(8_000).describe("How much of the conversation the model is shown."),
      ...agentBudget,
    })
    .prefault({})
    .describe("What one run, and all of a day, may use; a run ends with what it has when one is reached."),
  matrix: z
    .strictObject({
      localpart: localpart.describe("Its Matrix name; begins with matrix.namespace."),
      display_name: z.string().min(1).optional().describe("The name people see; set by `claw matrix provision`."),
      avatar: z.string().min(1).optional().describe("An image file, relative to openclaw.toml."),
      rooms: z.array(roomId).default([]).describe("The only rooms this agent joins, besides direct chats."),
      direct: z.boolean().default(true).describe("Accept direct chats from people whose groups name this agent."),
      answer: z.enum(["mentioned", "always"]).default("mentioned").describe("In rooms with others."),
      require_encryption: z
        .boolean()
        .default(true)
        .describe("Reads nothing in rooms that are not encrypted, and says so there."),
      sender_trust: z
        .enum(["cross-signed", "any"])
        .default("cross-signed")
        .describe(
          "Whom it believes in encrypted rooms: devices signed by the identity first seen for a person, or any.",
        ),
      share_keys_with: z
        .enum(["cross-signed", "all"])
        .default("cross-signed")
        .describe('Whose devices can read its answers; "all" for clients that cannot cross-sign.'),
      forget_keys: z
        .boolean()
        .default(false)
        .describe(
          "Deletes a room's keys when it is removed from the room: what was said there can never be read again.",
        ),
    })
    .optional()
    .describe("Its Matrix user; left out, the agent is not on Matrix."),
  telegram: z.boolean().default(false).describe("Whether the agent can be reached by the Telegram bots."),
});

const matrix = z.strictObject({
  homeserver: httpUrl.describe("The homeserver's client-server API as the gateway reaches it."),
  server_name: z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$/, 'must be a server name such as "home.example"')
    .describe("The part after the colon in Matrix ids."),
  as_token: secretRef.describe("What the gateway shows the homeserver; made by `claw matrix register`."),
  hs_token: secretRef.describe("What the homeserver shows the gateway; made by `claw matrix register`."),
  previous_as_token: secretRef
    .optional()
    .describe("Shown where the homeserver does not know as_token yet; may be unset, empty or missing: none."),
  previous_hs_token: secretRef
    .optional()
    .describe("Taken beside hs_token, while it is rotated; may be unset, empty or missing: none."),
  sender_localpart: localpart.default("openclaw").describe("The application service's own user."),
  namespace: localpart.default("agent_").describe("The prefix of every agent's localpart."),
  progress: z.boolean().default(true).describe("One progress line for runs over 8 s."),
});

const telegramBot = z.strictObject({
  token: secretRef.describe("From @BotFather."),
  webhook_secret: secretRef.describe("What Telegram shows the webhook: 16-256 of A-Z a-z 0-9 _ -"),
  previous_webhook_secret: secretRef
    .optional()
    .describe("Taken beside webhook_secret, while it is rotated; may be unset, empty or missing: none."),
  webhook_url: httpUrl.optional().describe("Public URL of this bot's webhook, for `claw telegram set-webhook`."),
  agent: name.describe("Who answers until the person picks another by /agent."),
  chats: z
    .array(z.int().negative("must be a group's id, which is negative"))
    .default([])
    .describe("Group chats the bot answers in; private chats need no entry."),
  progress: z.boolean().default(true).describe("One progress line for runs over 8 s."),
  api_root: httpUrl.default("https://api.telegram.org").describe("Another one for a local Bot API server."),
});

/** openclaw.toml as written. */
export const configSchema = z.strictObject({
  timezone: timezone.default("UTC").describe("What agents mean by today."),
  scheduler,
  operator: z
    .string()
    .regex(
      /^(matrix:@[^\s:]+:[^\s]+|matrix:![^\s]+|telegram:-?[1-9][0-9]{0,15})$/,
      'must be a principal, a Matrix room ("matrix:!room:server") or a Telegram chat ("telegram:-100123456")',
    )
    .optional()
    .describe("A principal, a Matrix room or a Telegram chat that is told of trouble."),
  key: secretRef.prefault({ env: "OPENCLAW_KEY" }).describe("32 random bytes, by `claw keys new`."),
  data_dir: z.string().default("data").describe("The embedded database's place, relative to openclaw.toml."),
  listen: z
    .strictObject({
      public: address.default("0.0.0.0:8080").describe("Telegram webhooks and Matrix pushes, nothing else."),
      private: address.default(defaultPrivateAddress).describe("Jobs, health and metrics; never published."),
      token: secretRef
        .optional()
        .describe("What requests to the private listener that run something show as a bearer token; needed by [jobs]."),
      previous_token: secretRef
        .optional()
        .describe("Taken beside token, while it is rotated; may be unset, empty or missing: none."),
    })
    .prefault({})
    .describe("The two listeners."),
  database: z
    .strictObject({
      url: secretRef
        .optional()
        .describe("Left out: DATABASE_URL where it is set, else an embedded PostgreSQL in data_dir."),
      owner_url: secretRef
        .optional()
        .describe("Who owns the tables and migrates them, where that is another user; left out, the same."),
      pool: z.int().min(2).max(100).default(10).describe("Connections."),
    })
    .prefault({})
    .describe("PostgreSQL."),
  workers: z.int().min(1).max(200).default(16).describe("Conversations worked on at once by this process."),
  log_level: z
    .enum(["trace", "debug", "info", "warn", "error"])
    .default("info")
    .describe("Logs are JSON lines and never hold a message or a secret."),
  media: z
    .strictObject({
      max_image_mb: z.number().positive().max(20).default(5).describe("Larger images are refused."),
      max_images: z.int().min(1).max(50).default(8).describe("Images one run looks at; 20 MB of them in all."),
      max_voice_mb: z.number().positive().max(25).default(20).describe("Larger voice notes are refused."),
    })
    .prefault({})
    .describe("Files people send."),
  approvals: z
    .strictObject({
      expires_minutes: z.number().positive().max(1_440).default(30).describe("How long an approver has to decide."),
      reactions: z
        .boolean()
        .default(true)
        .describe(
          "Whether a reaction decides in encrypted Matrix rooms too, where it is not encrypted; false: only words there.",
        ),
    })
    .prefault({})
    .describe("Questions to approvers."),
  budget,
  rate,
  audit,
  drift,
  ops,
  backends: z.record(name, backend).describe("LLM endpoints, by name."),
  groups: z.record(name, group).describe("Who may do what, by name."),
  rooms: z.record(roomName, room).default({}).describe("What is less in a room, by room."),
  agents: z.record(name, agent).describe("Agents, by name."),
  matrix: matrix.optional().describe("The application service; left out, there is no Matrix."),
  telegram: z.record(name, telegramBot).default({}).describe("Telegram bots, by name; left out, there is no Telegram."),
  tools: z
    .strictObject({
      commitments: z
        .strictObject({ max_open: count.default(200).describe("Open commitments one person may have.") })
        .prefault({})
        .describe("commitments_list, commitments_add, commitments_complete."),
      history: z
        .strictObject({ days: count.default(90).describe("How far back history_search looks.") })
        .prefault({})
        .describe("history_search."),
      files: z
        .strictObject({
          max_kb: count.max(10_240).default(1024).describe("The largest file an agent may send, in KB of 1024 bytes."),
        })
        .prefault({})
        .describe("files_send."),
      http: httpSection.prefault({}).describe("http_get and image_read."),
      notes: notesSettings,
      alerts: alertsSection.optional(),
      calendar: calendarSection.optional(),
      feeds: feedsSection.optional(),
      tasks: tasksSection.optional(),
      schedule: scheduleSection,
      message: messageSettings,
    })
    .prefault({})
    .describe("Settings of tool families."),
  tools_dir: z.string().min(1).optional().describe("A folder of your own tools, relative to openclaw.toml."),
  mcp: mcpSection.describe("MCP servers, by name, each a family of tools."),
  jobs: jobsSection.describe("Work on a schedule, by name."),
});

export type SecretRef = z.output<typeof secretRef>;
export type RawConfig = z.output<typeof configSchema>;
export type BackendSettings = RawConfig["backends"][string];
export type GroupSettings = RawConfig["groups"][string];
export type AgentSettings = RawConfig["agents"][string];
export type RoomSettings = RawConfig["rooms"][string];
export type ArgumentRule = AgentSettings["arguments"][string][string];
export type JobSettings = RawConfig["jobs"][string];
export type MatrixSettings = NonNullable<RawConfig["matrix"]>;
export type TelegramSettings = RawConfig["telegram"][string];
