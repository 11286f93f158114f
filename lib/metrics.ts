import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DeviceStatus } from "./ledger/matrix-devices.ts";

/** What is counted, for Prometheus. Labels are names of config, never ids of people. */
export interface Metrics {
  readonly registry: Registry;
  readonly runs: Counter<"agent" | "state">;
  readonly runSeconds: Histogram<"agent">;
  readonly jobs: Counter<"job" | "state">;
  readonly modelCalls: Counter<"backend" | "outcome">;
  readonly tokens: Counter<"backend" | "kind">;
  readonly toolCalls: Counter<"tool" | "outcome">;
  readonly mcpRefused: Counter<"server" | "reason">;
  readonly approvals: Counter<"outcome">;
  readonly sends: Counter<"channel" | "outcome">;
  readonly inbox: Counter<"channel" | "state">;
  readonly swept: Counter<"what">;
  readonly budgetRefusals: Counter<"scope">;
  readonly queue: Gauge<"state">;
  readonly matrixAgent: Gauge<"agent">;
  readonly matrixOneTimeKeys: Gauge<"agent">;
  readonly matrixPullAge: Gauge<"agent">;
  readonly matrixUnreadable: Gauge<"agent">;
}

/** A registry of its own, so that several gateways may live in one test process. */
export function createMetrics(): Metrics {
  const registers = [new Registry()] as [Registry];
  return {
    registry: registers[0],
    runs: new Counter({
      name: "openclaw_runs_total",
      help: "Runs ended, by state.",
      labelNames: ["agent", "state"],
      registers,
    }),
    runSeconds: new Histogram({
      name: "openclaw_run_seconds",
      help: "How long runs took, the model's time included.",
      labelNames: ["agent"],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    jobs: new Counter({
      name: "openclaw_job_attempts_total",
      help: "Attempts at slots of jobs, by how they ended (done, quiet, failed).",
      labelNames: ["job", "state"],
      registers,
    }),
    modelCalls: new Counter({
      name: "openclaw_model_calls_total",
      help: "Model calls answered or failed.",
      labelNames: ["backend", "outcome"],
      registers,
    }),
    tokens: new Counter({
      name: "openclaw_tokens_total",
      help: "Tokens as providers counted them.",
      labelNames: ["backend", "kind"],
      registers,
    }),
    toolCalls: new Counter({
      name: "openclaw_tool_calls_total",
      help: "Tool calls, by outcome (ok, error, unknown, denied).",
      labelNames: ["tool", "outcome"],
      registers,
    }),
    mcpRefused: new Counter({
      name: "openclaw_mcp_refused_total",
      help: "Tools of MCP servers that were not offered or not run (unpinned, changed, unusable).",
      labelNames: ["server", "reason"],
      registers,
    }),
    approvals: new Counter({
      name: "openclaw_approvals_total",
      help: "Questions to approvers, by what became of them (asked, approved, denied, expired, cancelled), and answers refused.",
      labelNames: ["outcome"],
      registers,
    }),
    sends: new Counter({
      name: "openclaw_sends_total",
      help: "Attempts to deliver, by outcome.",
      labelNames: ["channel", "outcome"],
      registers,
    }),
    inbox: new Counter({
      name: "openclaw_inbox_total",
      help: "Pushed messages, by what became of them at the door.",
      labelNames: ["channel", "state"],
      registers,
    }),
    swept: new Counter({
      name: "openclaw_swept_total",
      help: "What recovery found left behind.",
      labelNames: ["what"],
      registers,
    }),
    budgetRefusals: new Counter({
      name: "openclaw_budget_refusals_total",
      help: "Calls to models that did not fit in a budget, by its kind.",
      labelNames: ["scope"],
      registers,
    }),
    queue: new Gauge({
      name: "openclaw_open",
      help: "Open rows of the ledgers, read when scraped.",
      labelNames: ["state"],
      registers,
    }),
    matrixAgent: new Gauge({
      name: "openclaw_matrix_agent_ok",
      help: "1 where the agent can read and answer encrypted messages, 0 where /readyz says why not.",
      labelNames: ["agent"],
      registers,
    }),
    matrixOneTimeKeys: new Gauge({
      name: "openclaw_matrix_one_time_keys",
      help: "The agent's one-time keys left on the homeserver.",
      labelNames: ["agent"],
      registers,
    }),
    matrixPullAge: new Gauge({
      name: "openclaw_matrix_pull_age_seconds",
      help: "Since the agent's keys were last fetched; a quiet fetch is told once a minute.",
      labelNames: ["agent"],
      registers,
    }),
    matrixUnreadable: new Gauge({
      name: "openclaw_matrix_unreadable",
      help: "Encrypted messages to the agent that wait for their key.",
      labelNames: ["agent"],
      registers,
    }),
  };
}

/** An agent's encryption as it was when scraped. */
export function observeAgent(
  metrics: Metrics,
  { agent, ok, status }: { agent: string; ok: boolean; status: DeviceStatus | undefined },
): void {
  metrics.matrixAgent.set({ agent }, ok ? 1 : 0);
  if (status?.oneTimeKeys !== undefined) metrics.matrixOneTimeKeys.set({ agent }, status.oneTimeKeys);
  if (status?.pulledSecondsAgo !== undefined) metrics.matrixPullAge.set({ agent }, status.pulledSecondsAgo);
  metrics.matrixUnreadable.set({ agent }, status?.unreadable ?? 0);
}
