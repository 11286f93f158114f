import { type DestinationStream, type Logger, pino } from "pino";
import { ClawError } from "./errors.ts";

export type Log = Logger;

/**
 * JSON lines with ids, states and durations: never a body, an argument, a result or a secret. Errors are reduced to
 * their kind, message and stack; an error of ours carries no body by construction, a foreign one is named by its class
 * alone, since libraries like to quote what they were given.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
  };
  return destination ? pino(options, destination) : pino(options);
}

function describeError(thrown: unknown): Record<string, unknown> {
  if (thrown instanceof ClawError)
    return { type: thrown.name, code: thrown.code, message: thrown.message, cause: causeOf(thrown.cause) };
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  return {
    ...causeOf(thrown),
    at: thrown.stack
      ?.split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 6),
  };
}

function causeOf(thrown: unknown): Record<string, unknown> | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, status } = thrown as { code?: unknown; status?: unknown };
  return {
    type: thrown.name,
    ...(typeof code === "string" && { code }),
    ...(typeof status === "number" && { status }),
    ...(thrown instanceof ClawError && { message: thrown.message }),
  };
}
