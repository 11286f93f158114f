/** Drift in words, for a phone and for a terminal. */
import { inlineCode } from "../../conversation/visible.ts";
import { minuteOf } from "../../time/wall-clock.ts";
import type { Cause } from "./causes.ts";
import type { MetricState } from "./detect.ts";
import type { RunKind } from "./features.ts";
import type { Finding } from "./findings.ts";
import type { Unit } from "./metrics.ts";

const small = (value: number): string => (value === 0 ? "0" : `${Number(value.toPrecision(3))}`);

const shown: Readonly<Record<Unit, (value: number) => string>> = {
  count: small,
  tokens: (value) => `${Math.round(value)}`,
  milliseconds: (value) => `${value < 10 ? small(value) : Math.round(value)} ms`,
  seconds: (value) => `${small(value)} s`,
  money: small,
  characters: (value) => `${Math.round(value)}`,
  share: (value) => `${Math.round(value * 1_000) / 10} %`,
};

/** A metric's number with its unit. */
export const amount = (unit: Unit, value: number): string => shown[unit](value);

/** Where runs of a kind are made. */
export function kindName(kind: RunKind): string {
  if (kind === "chat") return "in chats";
  if (kind === "agent") return "asked by other agents";
  return kind === "schedule" ? "in people's own schedules" : `in the job ${kind.slice("job:".length)}`;
}

/** What a metric's state is about. Names of tools and models are the operator's and the providers'. */
export function aboutWhat({ title, tool, model }: Pick<MetricState, "title" | "tool" | "model">): string {
  if (tool !== undefined) return `runs that use ${inlineCode(tool, 60)}`;
  return model === undefined ? title : `runs served by ${inlineCode(model, 60)}`;
}

/** A likely cause in a few words. */
export const causeText = ({ what, before, after, at }: Cause, timezone: string): string =>
  `${what} ${inlineCode(before, 60)} → ${inlineCode(after, 60)}, ${minuteOf(new Date(at), timezone)}`;

/** What the operator is told of one change, in Markdown. */
export function driftMessage(agent: string, findings: readonly Finding[], timezone: string): string {
  const [main] = findings;
  if (!main) return "";
  const { kind, since, runs, baseline, causes, examples } = main;
  const numbers = findings.map(
    ({ unit, before, after, ...of }) => `- ${aboutWhat(of)}: ${amount(unit, before)} → ${amount(unit, after)}`,
  );
  const cause =
    causes.length === 0
      ? "Prompt, policy and model are named as before."
      : `Likely cause: ${causes.map((each) => causeText(each, timezone)).join("; ")}.`;
  return [
    `**${agent} behaves otherwise than before**, ${kindName(kind)}:`,
    numbers.join("\n"),
    `Since ${minuteOf(new Date(since), timezone)}: ${runs} ${runs === 1 ? "run" : "runs"} against ${baseline} before. ${cause}`,
    [...examples.map((id) => `\`claw audit show ${id}\``), `\`claw drift ${agent}\``].join("\n"),
  ].join("\n\n");
}
