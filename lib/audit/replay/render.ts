/** Comparisons as lines for a terminal. What models and people wrote is shown so that it cannot act on it. */
import { visible } from "../../conversation/visible.ts";
import { alignedLines } from "../../policy/aligned-lines.ts";
import type { CallPair, Comparison, Figures, ShownCall } from "./compare.ts";
import type { ReplayMark } from "./replay.ts";
import type { Summary } from "./summary.ts";
import { wordDiff } from "./word-diff.ts";

/** From so many columns on, both runs stand side by side. */
const wide = 100;
const mostArguments = 200;

/** One comparison. `columns`: how wide the terminal is. */
export function renderComparison(comparison: Comparison, columns: number): string[] {
  const { run, replay, agent, backend, notes, pairs, recorded, replayed } = comparison;
  const diff = wordDiff(recorded.text, replayed.text);
  const differing = pairs.filter(({ decisionDiffers }) => decisionDiffers);
  return [
    `Run ${run} of ${agent}, replayed by ${backend} as run ${replay}`,
    ...notes.map((note) => `  note: ${visible(note)}`),
    ...(differing.length > 0 ? ["", "Decisions that differ"] : []),
    ...differing.flatMap((pair) => decisionLines(pair)),
    "",
    `Calls${pairs.length === 0 ? ": none" : ""}`,
    ...callLines(pairs, columns),
    "",
    ...figureLines(recorded, replayed),
    "",
    diff === "" ? "Text: the same, word for word" : "Text: [-recorded-] {+replayed+}",
    ...(diff === "" ? [] : wrapped(visible(diff), columns - 2).map((line) => `  ${line}`)),
  ];
}

function decisionLines({ recorded, replayed }: CallPair): string[] {
  const line = (call: ShownCall & ReplayMark): string => `${call.decision}: ${visible(call.rule)}`;
  return [
    `  ${visible(replayed?.tool ?? "")} ${shortArguments(replayed?.arguments ?? "")}`,
    `    then ${recorded ? line(recorded) : "not called"}`,
    `    now  ${replayed ? line(replayed) : ""}`,
  ];
}

const signs = { same: "=", arguments: "~", gone: "-", new: "+" } as const;

function callLines(pairs: readonly CallPair[], columns: number): string[] {
  if (columns < wide)
    return pairs.flatMap((pair) => [
      ...(pair.recorded ? [`  ${signs[pair.change]} then ${callText(pair.recorded)}`] : []),
      ...(pair.replayed ? [`  ${pair.recorded ? " " : signs[pair.change]} now  ${callText(pair.replayed)}`] : []),
    ]);
  const half = Math.floor((columns - 7) / 2);
  return pairs.flatMap((pair) => {
    const left = wrapped(pair.recorded ? callText(pair.recorded) : "", half);
    const right = wrapped(pair.replayed ? callText(pair.replayed) : "", half);
    return Array.from({ length: Math.max(left.length, right.length) }, (_, index) =>
      `  ${index === 0 ? signs[pair.change] : " "} ${(left[index] ?? "").padEnd(half)} | ${right[index] ?? ""}`.trimEnd(),
    );
  });
}

function callText(call: ShownCall & ReplayMark): string {
  const { tool, decision, approval, outcome, source, wouldAsk } = call;
  const facts = [
    decision,
    ...(approval === undefined || wouldAsk ? [] : [approval]),
    ...(wouldAsk ? ["would ask"] : []),
    ...(outcome === null || outcome === "ok" || outcome === "denied" ? [] : [outcome]),
    ...(source === "other arguments" ? ["result of other arguments"] : []),
    ...(source === "nothing" ? ["no recorded result"] : []),
  ];
  return `${visible(tool)} ${shortArguments(call.arguments)} (${facts.join(", ")})`;
}

function shortArguments(text: string): string {
  const shown = visible(text === "" ? "{}" : text);
  return shown.length > mostArguments ? `${shown.slice(0, mostArguments)}…` : shown;
}

function figureLines(before: Figures, after: Figures): string[] {
  const row = (name: string, value: (figures: Figures) => string): string[] => [name, value(before), value(after)];
  return alignedLines([
    ["", "THEN", "NOW"],
    row("model", ({ models }) => models.map(visible).join(", ") || "-"),
    row("end", ({ state, error }) => (error === undefined ? state : `${state} (${error})`)),
    row("steps", ({ steps }) => String(steps)),
    row("tokens", ({ inputTokens, outputTokens }) => `${count(inputTokens)} in, ${count(outputTokens)} out`),
    row("cost", ({ cost }) => money(cost)),
    row("model time", ({ milliseconds }) => seconds(milliseconds)),
  ]).map((line) => `  ${line}`);
}

/** What many came to, the most important first. */
export function renderSummary({ runs, sameCalls, decisionsDiffer, before, after, skipped }: Summary): string[] {
  return [
    `${runs} replayed${skipped.length > 0 ? `, ${skipped.length} could not be` : ""}`,
    ...skipped.map(({ run, reason }) => `  ${run}: ${visible(reason)}`),
    decisionsDiffer.length === 0
      ? "Decisions: the same in all"
      : `Decisions differ in ${decisionsDiffer.length} of ${runs}: ${decisionsDiffer.join(", ")}`,
    `The same calls in ${sameCalls} of ${runs}`,
    ...alignedLines([
      ["", "THEN", "NOW"],
      ["not done", String(before.failed), String(after.failed)],
      ["cost", money(before.cost), money(after.cost)],
      ["tokens in", count(before.inputTokens), count(after.inputTokens)],
      ["tokens out", count(before.outputTokens), count(after.outputTokens)],
      ["model time, median", seconds(before.medianMilliseconds), seconds(after.medianMilliseconds)],
    ]).map((line) => `  ${line}`),
  ];
}

const count = (value: number | null | undefined): string => String(value ?? "unknown");
const money = (value: number | null | undefined): string =>
  typeof value === "number" ? String(Number(value.toFixed(6))) : "unknown";
const seconds = (value: number | null): string => (value === null ? "unknown" : `${(value / 1000).toFixed(2)} s`);

/** Lines of at most so many characters, broken at spaces where there are any. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  let left = text;
  while (left.length > most) {
    const space = left.lastIndexOf(" ", most);
    const end = space > 0 ? space : most;
    lines.push(left.slice(0, end));
    left = left.slice(end).trimStart();
  }
  return [...lines, left];
}
