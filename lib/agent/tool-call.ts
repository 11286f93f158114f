/** One tool call, from what the model wrote to what it reads back. Failures are data: nothing here throws but a cancel. */
import { z } from "zod";
import { ClawError, messageOf } from "../errors.ts";
import type { Tool, ToolContext } from "../tools/define.ts";
import type { ToolCall } from "./model.ts";

/** What the loop may call, and the decision on each. Passed in: the loop knows no config and no platform. */
export interface ToolHost {
  /** The tool by its own name, or undefined. */
  find(name: string): Tool | undefined;
  /** The policy's word on a call, asked again at every dispatch. */
  decide(name: string): { readonly decision: "allow" | "deny"; readonly rule: string };
  context(callKey: string, signal: AbortSignal): ToolContext;
}

export interface ToolResult {
  readonly outcome: "ok" | "error" | "unknown";
  readonly text: string;
}

/** A call that can be run: known, its arguments whole and valid. */
export interface ReadyCall {
  readonly tool: Tool;
  readonly input: Record<string, unknown>;
}

const failed = (text: string): ToolResult => ({ outcome: "error", text });

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
  const checked = tool.input.safeParse(parsed);
  if (!checked.success)
    return failed(`The arguments were refused; the call was not executed.\n${z.prettifyError(checked.error)}`);
  return { tool, input: checked.data };
}

/** Runs a ready call under its timeout and cuts its result to its limit. Throws only when `context.signal` is aborted. */
export async function executeCall({ tool, input }: ReadyCall, context: ToolContext): Promise<ToolResult> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), tool.timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  try {
    const text = await untilAborted(tool.run(input, { ...context, signal }), signal);
    return { outcome: "ok", text: cut(text, tool.outputLimit) };
  } catch (thrown) {
    if (context.signal.aborted) throw new ClawError("cancelled", "the run was cancelled", { cause: thrown });
    if (timeout.signal.aborted) return tooSlow(tool);
    return failed(
      thrown instanceof ClawError ? (thrown.say ?? thrown.message) : `${tool.name} failed: ${messageOf(thrown)}`,
    );
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
