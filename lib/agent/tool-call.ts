/** One tool call, from what the model wrote to what it reads back. Failures are data: nothing here throws but a cancel. */
import { z } from "zod";
import { ClawError, messageOf } from "../errors.ts";
import type { Decision } from "../policy/decide.ts";
import type { Approval, GrantedCall, ReadyCall } from "../policy/granted.ts";
import type { TaintSource } from "../policy/taint.ts";
import { runTool, type Tool, type ToolContext } from "../tools/define.ts";
import type { ToolCall } from "./model.ts";
import { RunWaiting } from "./waiting.ts";
import { isTooDeep } from "../nesting.ts";
import { safeParse } from "../safe-parse.ts";

/** What the loop may call, and the decision on each. Passed in: the loop knows no config and no platform. */
export interface ToolHost {
  /** The tool by its own name, or undefined. */
  find(name: string): Tool | undefined;
  /** The policy's word on a call, asked again at every dispatch. Only what has valid arguments can be granted. */
  decide(name: string, how: Deciding): { readonly decision: Decision; readonly granted: GrantedCall | undefined };
  /** What has tainted the run so far. */
  readonly taint: readonly TaintSource[];
  addTaint(sources: readonly TaintSource[]): void;
  /** What the approvers said of the call requested at `seq`. */
  answer(seq: number): Promise<Answer>;
  context(callKey: string, signal: AbortSignal): ToolContext;
}

/** What the host cannot know of a call. */
export interface Deciding {
  /** Undefined where its arguments are not valid. */
  readonly ready: ReadyCall | undefined;
  /** What had tainted the run when the model asked for it. */
  readonly taint: readonly TaintSource[];
  readonly approved?: { readonly seq: number; readonly approval: Approval };
}

/** The state of a question. */
export type Answer =
  /** `asked`: the approvers were asked already. */
  | { readonly state: "pending"; readonly asked: boolean }
  | { readonly state: "approved"; readonly by: string; readonly approval: Approval }
  | { readonly state: "denied" | "expired" | "cancelled"; readonly by: string };

export interface ToolResult {
  readonly outcome: "ok" | "error" | "unknown";
  readonly text: string;
  readonly data?: unknown;
}

/** Each key that nobody knows is named. */
const refusalLimit = 2_000;

const failed = (text: string): ToolResult => ({ outcome: "error", text });

/** A failure may quote what a service said, which may be much. */
const failure = ({ name, outputLimit }: Tool, thrown: unknown): ToolResult => {
  const text = thrown instanceof ClawError ? (thrown.say ?? thrown.message) : `${name} failed: ${messageOf(thrown)}`;
  return failed(cut(text, Math.max(outputLimit, refusalLimit)));
};

/**
 * Parses a call's arguments. A call cut off by the output limit, invalid JSON or arguments the schema refuses come back
 * as an error for the model and are never executed.
 */
export function prepareCall(tool: Tool, call: ToolCall, truncated: boolean): ReadyCall | ToolResult {
  if (truncated)
    return failed("The call was cut off by the output limit and was not executed. Call again with shorter arguments.");
  let parsed: unknown;
  try {
    parsed = JSON.parse(call.arguments === "" ? "{}" : call.arguments);
  } catch {
    return failed("The arguments are not valid JSON; the call was not executed. Send them again as one JSON object.");
  }
  if (isTooDeep(parsed)) return failed("The arguments are nested too deeply; the call was not executed.");
  const checked = safeParse(tool.input, parsed);
  if (!checked.success)
    return failed(
      `The arguments were refused; the call was not executed.\n${cut(z.prettifyError(checked.error), refusalLimit)}`,
    );
  return { tool, input: checked.data };
}

/** What an approver is told of a call beside its arguments, or why there is nothing to ask about. */
export function foresee({ tool, input }: ReadyCall, context: ToolContext): { readonly foreseen?: string } | ToolResult {
  const { place, timezone, now } = context;
  try {
    return tool.foresee ? { foreseen: tool.foresee(input, { place, timezone, now }) } : {};
  } catch (thrown) {
    return failure(tool, thrown);
  }
}

/** Runs a granted call under its timeout and cuts its result to its limit. Throws only when `context.signal` is aborted, and RunWaiting. */
export async function executeCall(call: GrantedCall, context: ToolContext): Promise<ToolResult> {
  const { tool } = call;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), tool.timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  try {
    const { text, data } = await untilAborted(runTool(call, { ...context, signal }), signal);
    return { outcome: "ok", text: cut(text, tool.outputLimit), ...(data !== undefined && { data }) };
  } catch (thrown) {
    if (thrown instanceof RunWaiting) throw thrown;
    if (context.signal.aborted) throw new ClawError("cancelled", "the run was cancelled", { cause: thrown });
    if (timeout.signal.aborted) return tooSlow(tool);
    if (thrown instanceof ClawError && thrown.code === "outcome_unknown")
      return { outcome: "unknown", text: thrown.say ?? thrown.message };
    return failure(tool, thrown);
  } finally {
    clearTimeout(timer);
  }
}

/** What changes something may still come to pass; done again it would be done twice. */
function tooSlow({ name, effect, timeoutMs }: Tool): ToolResult {
  const late = `${name} took longer than ${timeoutMs / 1000} s and was given up.`;
  if (effect === "idempotent") return failed(late);
  return {
    outcome: "unknown",
    text: `${late} It is not known whether it happened. Do not repeat it; ask the person to check.`,
  };
}

/** A tool that ignores its signal must not hold up the run. */
function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error("aborted"));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)}\n[cut: ${text.length - limit} of ${text.length} characters left out]`;
}
