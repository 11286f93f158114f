import { permissiveScope } from "../../support/granted.ts";
import type { FixedCall, JobContext, JobFunction, Reading } from "../../../lib/agent/job-function.ts";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { linksAlsoTo, noLinks } from "../../../lib/channel/links.ts";
import { toHtml } from "../../../lib/matrix/render.ts";

/** Monday 23 November 2026, 08:00 in Berlin; the last slot was on Friday. */
export const context = (more: Partial<JobContext> = {}): JobContext => ({
  name: "morning-briefing",
  agent: permissiveScope().agent,
  prompt: undefined,
  sources: [],
  timezone: "Europe/Berlin",
  slot: new Date("2026-11-23T07:00:00Z"),
  previous: new Date("2026-11-20T07:00:00Z"),
  ...more,
});

type Result = { readonly text?: string; readonly data?: unknown } | { readonly failed: string } | "absent";

/** The readings of a function's sources, each result in its place. */
export const readings = (
  job: Pick<JobFunction, "sources">,
  results: readonly Result[],
  at: JobContext = context(),
): readonly Reading[] => job.sources(at).map((call, index) => reading(call, results[index] ?? "absent"));

function reading(call: FixedCall, result: Result): Reading {
  if (result === "absent") return { call, state: "absent", text: "", data: undefined };
  if ("failed" in result) return { call, state: "failed", text: result.failed, data: undefined };
  return { call, state: "read", text: result.text ?? "", data: result.data };
}

/** What a message's role says. */
export const said = (messages: readonly ModelMessage[] | undefined, role: ModelMessage["role"]): string =>
  messages?.find((message) => message.role === role)?.text ?? "";

/** A message as Matrix shows it where strangers' words are in it. */
export const shown = (job: JobFunction, read: readonly Reading[], message: string): string =>
  toHtml(message, linksAlsoTo(noLinks, new Set(job.links?.(read))));

/** A rough count, as providers' counts differ: four characters a token. */
export const tokens = (text: string): number => Math.ceil(text.length / 4);
