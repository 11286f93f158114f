/** What is counted, for Prometheus. Labels are names of config, never ids of people; docs/monitoring.md tells of each. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ModelAnswer } from "./agent/model.ts";

/** The metrics of one gateway. */
export type Metrics = ReturnType<typeof createMetrics>;

const runBuckets = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const modelBuckets = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300];

/**
 * A registry of its own, so that several gateways may live in one test process. Counters are what this process has done since
 * it began, gauges what it finds when it is scraped.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: Label[]
  ): Histogram<Label> => new Histogram({ name, help, labelNames, buckets, registers });
  return {
    registry,

    runs: counter("openclaw_runs_total", "Runs ended, by state.", "agent", "state"),
    runSeconds: histogram("openclaw_run_seconds", "How long runs took, the model's time with it.", runBuckets, "agent"),
    steps: counter("openclaw_steps_total", "Steps of the runs that ended.", "agent"),
    jobs: counter(
      "openclaw_job_attempts_total",
      "Attempts at slots of jobs, by how they ended (done, quiet, failed).",
      "job",
      "state",
    ),

    modelCalls: counter(
      "openclaw_model_calls_total",
      "Model calls of ended runs that were answered, and runs that ended because none was.",
      "backend",
      "outcome",
    ),
    modelSeconds: histogram("openclaw_model_seconds", "How long answered model calls took.", modelBuckets, "backend"),
    attemptsFailed: counter(
      "openclaw_model_attempts_failed_total",
      "Attempts at backends that failed, whether or not another then answered.",
      "backend",
      "kind",
    ),
    tokens: counter(
      "openclaw_tokens_total",
      "Tokens as providers counted them: input, of it cached; output, of it reasoning.",
      "agent",
      "backend",
      "kind",
    ),
    cost: counter(
      "openclaw_cost_total",
      "What model calls cost, in budget.currency, by who says so (provider, config, list).",
      "agent",
      "backend",
      "source",
    ),
    unknownCosts: counter(
      "openclaw_unknown_costs_total",
      "Model calls whose cost nobody knows: they are in no sum.",
      "agent",
      "backend",
    ),
    refusals: counter("openclaw_refusals_total", "Answers by which a model declined.", "agent"),
    budgetRefusals: counter(
      "openclaw_budget_refusals_total",
      "Calls to models that did not fit in a budget, by its kind.",
      "scope",
    ),
    budgetUsed: gauge(
      "openclaw_budget_used_ratio",
      "The part of a daily limit that is spent or held: of all, each agent and each job.",
      "scope",
      "unit",
    ),

    toolCalls: counter(
      "openclaw_tool_calls_total",
      "Tool calls, by outcome (ok, error, unknown, denied).",
      "agent",
      "tool",
      "outcome",
    ),
    denials: counter(
      "openclaw_denials_total",
      "Tool calls that the policy denied, by the kind of rule (grant, argument, taint, limit, unasked, no_tool).",
      "agent",
      "rule",
    ),
    approvals: counter(
      "openclaw_approvals_total",
      "Questions to approvers, by what became of them (asked, approved, denied, expired, cancelled), and answers refused.",
      "agent",
      "outcome",
    ),
    mcpRefused: counter(
      "openclaw_mcp_refused_total",
      "Tools of MCP servers that were not offered or not run (unpinned, changed, unusable).",
      "server",
      "reason",
    ),

    inbox: counter("openclaw_inbox_total", "Pushed messages, by what became of them at the door.", "channel", "state"),
    sends: counter("openclaw_sends_total", "Attempts to deliver, by outcome.", "channel", "outcome"),
    swept: counter("openclaw_swept_total", "What recovery found left behind.", "what"),
    queue: gauge("openclaw_open", "Open rows of the ledgers.", "state"),
    queueAge: gauge("openclaw_queue_age_seconds", "Age of the oldest message that waits for nothing but a worker."),
    outbox: gauge(
      "openclaw_outbox",
      "Messages to be delivered, and those of which nobody knows whether they were.",
      "channel",
      "state",
    ),
    outboxAge: gauge(
      "openclaw_outbox_age_seconds",
      "Age of the oldest message that is still to be delivered.",
      "channel",
    ),
    jobSlots: gauge("openclaw_job_slots", "Open attempts at slots of jobs.", "job", "state"),
    jobStuck: gauge(
      "openclaw_job_stuck_seconds",
      "For how long the job has had an attempt open beyond its limit and ten minutes; 0: it has none.",
      "job",
    ),

    matrixAgent: gauge(
      "openclaw_matrix_agent_ok",
      "1 where the agent can read and answer encrypted messages, 0 where /readyz says why not.",
      "agent",
    ),
    matrixOneTimeKeys: gauge(
      "openclaw_matrix_one_time_keys",
      "The agent's one-time keys left on the homeserver.",
      "agent",
    ),
    matrixPullAge: gauge(
      "openclaw_matrix_pull_age_seconds",
      "Since the agent's keys were last fetched; a quiet fetch is told once a minute.",
      "agent",
    ),
    matrixUnreadable: gauge(
      "openclaw_matrix_unreadable",
      "Encrypted messages to the agent that wait for their key.",
      "agent",
    ),
    decryptFailures: counter(
      "openclaw_matrix_decrypt_failures_total",
      "Encrypted messages that could not be read at the first try (unreadable), or whose sender was not believed (disbelieved).",
      "agent",
      "outcome",
    ),

    checkpointAge: gauge("openclaw_checkpoint_age_seconds", "Since the last signed checkpoint of the audit trail."),
    uncheckedAge: gauge(
      "openclaw_unchecked_age_seconds",
      "For how long the oldest ended run has waited for a checkpoint; 0: none does.",
    ),
    driftAlerts: gauge("openclaw_drift_alerts", "Alerts of the last 24 hours that the agent has changed.", "agent"),

    partOk: gauge("openclaw_part_ok", "1 where the part of /readyz was well when it was last asked.", "part"),
    startTime: new Gauge({
      name: "process_start_time_seconds",
      help: "When the process began, in seconds since 1970.",
      registers,
      collect() {
        this.set(performance.timeOrigin / 1000);
      },
    }),
    memory: new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory.",
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    }),
  };
}

/** Counts the answers of an agent's run that has ended. */
export function countAnswers(metrics: Metrics, agent: string, answers: readonly ModelAnswer[]): void {
  for (const { backend, usage, cost, refusal, milliseconds } of answers) {
    metrics.modelCalls.inc({ backend, outcome: "answered" });
    metrics.modelSeconds.observe({ backend }, milliseconds / 1000);
    if (refusal) metrics.refusals.inc({ agent });
    if (cost) metrics.cost.inc({ agent, backend, source: cost.source }, cost.amount);
    else metrics.unknownCosts.inc({ agent, backend });
    if (!usage) continue;
    metrics.tokens.inc({ agent, backend, kind: "input" }, usage.inputTokens);
    metrics.tokens.inc({ agent, backend, kind: "output" }, usage.outputTokens);
    metrics.tokens.inc({ agent, backend, kind: "cached" }, usage.cachedTokens ?? 0);
    metrics.tokens.inc({ agent, backend, kind: "reasoning" }, usage.reasoningTokens ?? 0);
  }
}
