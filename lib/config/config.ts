import type {
  AgentSettings,
  BackendSettings,
  GroupSettings,
  JobSettings,
  MatrixSettings,
  RawConfig,
  RoomSettings,
  TelegramSettings,
} from "./schema.ts";
import type { Principal } from "../channel/types.ts";
import type { McpServer } from "./mcp.ts";
import type { Secret } from "./secret.ts";
import type { Services } from "./services.ts";
import type { ToolFacts } from "./tool-facts.ts";

/** A backend with its key resolved. */
export type Backend = Omit<BackendSettings, "api_key"> & { readonly name: string; readonly apiKey: Secret | undefined };

/** A named set of principals and what they are granted. */
export type Group = GroupSettings & { readonly name: string };

/** An agent with its prompt read. `promptHash` is SHA-256 in hex. */
export type Agent = Omit<AgentSettings, "prompt"> & {
  readonly name: string;
  readonly prompt: string;
  readonly promptHash: string;
};

/** The application service's settings with its tokens resolved. */
export type MatrixConfig = Omit<MatrixSettings, "as_token" | "hs_token" | "previous_as_token" | "previous_hs_token"> & {
  readonly asToken: Secret;
  readonly hsToken: Secret;
  /** While it is rotated, as all that are called previous. */
  readonly previousAsToken: Secret | undefined;
  readonly previousHsToken: Secret | undefined;
};

/** One Telegram bot with its token and webhook secret resolved. */
export type TelegramBot = Omit<TelegramSettings, "token" | "webhook_secret" | "previous_webhook_secret"> & {
  readonly name: string;
  readonly token: Secret;
  readonly webhookSecret: Secret;
  readonly previousWebhookSecret: Secret | undefined;
};

/** A job with its prompt read; undefined where its function has its own. */
export type Job = Omit<JobSettings, "prompt" | "timezone" | "for"> & {
  readonly name: string;
  readonly timezone: string;
  readonly for: Principal | undefined;
  readonly prompt: string | undefined;
  /** SHA-256 in hex; of its agent's prompt alone where it has none. */
  readonly promptHash: string;
};

/**
 * openclaw.toml, checked, with secrets and prompts read. Immutable: a reload makes a new one, and a run keeps
 * the one it began with. Named things are Maps, so that a name such as "constructor" finds nothing.
 */
export interface Config {
  /** Absolute path of the file it was read from. */
  readonly file: string;
  /** SHA-256 (hex) of all that decides, as written, and of the tools' labels: which policy a decision was made under. */
  readonly policyHash: string;
  readonly timezone: string;
  readonly operator: string | undefined;
  /** OPENCLAW_KEY, 32 bytes in base64. */
  readonly key: Secret;
  /** Absolute path. */
  readonly dataDir: string;
  readonly listen: Omit<RawConfig["listen"], "token" | "previous_token">;
  /** `url` undefined: the embedded PostgreSQL. `ownerUrl` undefined: the same. */
  readonly database: { readonly url: Secret | undefined; readonly ownerUrl: Secret | undefined; readonly pool: number };
  readonly workers: number;
  readonly logLevel: RawConfig["log_level"];
  readonly media: RawConfig["media"];
  readonly tools: RawConfig["tools"];
  readonly approvals: RawConfig["approvals"];
  readonly budget: RawConfig["budget"];
  readonly rate: RawConfig["rate"];
  /** `checkpoint_file` is absolute. */
  readonly audit: RawConfig["audit"] & { readonly checkpoint_file: string };
  readonly drift: RawConfig["drift"];
  readonly ops: RawConfig["ops"];
  readonly backends: ReadonlyMap<string, Backend>;
  readonly groups: ReadonlyMap<string, Group>;
  /** By `roomOf`. */
  readonly rooms: ReadonlyMap<string, RoomSettings>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly matrix: MatrixConfig | undefined;
  readonly telegram: ReadonlyMap<string, TelegramBot>;
  /** What requests to the private listener that run something show. */
  readonly token: Secret | undefined;
  readonly previousToken: Secret | undefined;
  readonly scheduler: RawConfig["scheduler"];
  readonly jobs: ReadonlyMap<string, Job>;
  readonly services: Services;
  /** Absolute path of the folder of own tools. */
  readonly toolsDir: string | undefined;
  readonly mcp: ReadonlyMap<string, McpServer>;
  /** The tools there are, as far as this file tells. */
  readonly toolFacts: readonly ToolFacts[];
}

/** `@localpart:server` of an agent, or undefined where it is not on Matrix. */
export function matrixUserId(config: Config, agent: Agent): string | undefined {
  return config.matrix && agent.matrix ? `@${agent.matrix.localpart}:${config.matrix.server_name}` : undefined;
}
