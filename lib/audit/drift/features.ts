/** What is known of how one ended run went, for telling whether its agent changed. Nothing in it was said by anybody. */

/** Runs of one shape, which alone are held against each other. A person's own schedules are one kind. */
export type RunKind = "chat" | "agent" | "schedule" | `job:${string}`;

/** One run that ended `done` or `failed`. */
export interface RunFeatures {
  readonly id: string;
  readonly startedAt: Date;
  readonly conversationId: string;
  readonly failed: boolean;
  readonly steps: number;
  /** Answers of a model, those beside the loop too. */
  readonly calls: number;
  /** Sums over the calls; null: a provider did not say. */
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly cost: number | null;
  /** Input tokens of the first call: prompt, history and what was said, and nothing of tools. */
  readonly firstInputTokens: number | null;
  /** Milliseconds until the model had answered, summed over the calls. */
  readonly modelMs: number;
  /** Milliseconds in tools. */
  readonly toolMs: number;
  /** Characters; null in rows of before it was kept. */
  readonly answerLength: number | null;
  /** Of tool calls, by the policy. */
  readonly denials: number;
  /** Questions that were refused or that nobody answered. */
  readonly refusedApprovals: number;
  readonly toolErrors: number;
  /** Answers in which the model declined. */
  readonly refusals: number;
  /** The tool of each call that was asked for. */
  readonly tools: readonly string[];
  /** As the providers name them, without repeats. */
  readonly servedModels: readonly string[];
  /** As `backend model`, without repeats. */
  readonly requestedModels: readonly string[];
  readonly promptHash: string;
  readonly policyHash: string;
}
