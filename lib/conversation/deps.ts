import type { AgentFunction } from "../agent/function.ts";
import type { JobFunction } from "../agent/job-function.ts";
import type { Channel, ChannelName, Lane } from "../channel/types.ts";
import type { Config } from "../config/config.ts";
import type { Sql } from "../db/client.ts";
import type { Outbox } from "../ledger/outbox.ts";
import type { Backends } from "../llm/backends.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Locks } from "../queue/locks.ts";
import type { Keyring } from "../seal.ts";
import type { RunObserver } from "../trace/tracing.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { AgentRequest } from "../tools/define.ts";
import type { Asking } from "./sub-run.ts";
import type { Cancellations } from "./cancellations.ts";
import type { Rates } from "./rates.ts";
import type { Report } from "./report.ts";

/** What work on lanes and commands is done with. */
export interface ConversationDeps {
  /** The config in force; a run keeps what it got when it began. */
  readonly config: () => Config;
  readonly sql: Sql;
  readonly keyring: Keyring;
  readonly outbox: Outbox;
  readonly locks: Locks;
  /** This process's name in the outbox. */
  readonly worker: string;
  readonly cancellations: Cancellations;
  readonly channels: Readonly<Record<ChannelName, Channel>>;
  readonly backends: Backends;
  readonly registry: ToolRegistry;
  readonly agentFunctions: ReadonlyMap<string, AgentFunction>;
  readonly jobFunctions: ReadonlyMap<string, JobFunction>;
  /** Has a lane looked at soon. */
  readonly wake: (lane: Lane) => void;
  /** See sub-run.ts; passed in, since a run that was asked for is run as any other. */
  readonly askAgent: (
    deps: ConversationDeps,
    asking: Asking,
    request: AgentRequest,
    signal: AbortSignal,
  ) => Promise<string>;
  readonly rates: Rates;
  /** Tells the operator. */
  readonly report: Report;
  readonly metrics: Metrics;
  /** Hears of what is journalled; left out: nobody wants to. */
  readonly observe?: RunObserver | undefined;
  readonly log: Log;
}
