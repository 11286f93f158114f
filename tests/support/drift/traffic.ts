/**
 * Runs as a homelab has them: chats in conversations about one subject, busier and slower by day, quiet at weekends; answers
 * and waits with long tails; tools by subject, some of them rare; a provider that is down for some minutes now and then. And a
 * job whose runs are all alike.
 */
import { randomUUID } from "node:crypto";
import type { RunFeatures } from "../../../lib/audit/drift/features.ts";
import { type Random, randomOf } from "./random.ts";

/** One model call of a recorded run. */
export interface RecordedCall {
  readonly input: number;
  readonly output: number;
  readonly ms: number;
  readonly cost: number;
  readonly refusal: boolean;
}

/** One tool call of a recorded run. */
export interface RecordedTool {
  readonly name: string;
  readonly ms: number;
  readonly outcome: "ok" | "error" | "denied" | "refused";
}

/** A run as the journal would have it. */
export interface RecordedRun {
  readonly id: string;
  readonly startedAt: Date;
  readonly conversationId: string;
  readonly calls: readonly RecordedCall[];
  readonly tools: readonly RecordedTool[];
  readonly failed: boolean;
  readonly answerLength: number;
  readonly model: string;
  readonly promptHash: string;
  readonly policyHash: string;
}

/** What goes wrong from a run on. `model behind the same name` changes everything that a model changes but its name. */
export type Fault =
  | "new tool"
  | "tool mix"
  | "model behind the same name"
  | "cost creep"
  | "price creep"
  | "denials"
  | "refusals"
  | "errors"
  | "served model";

export interface TrafficOptions {
  readonly seed: number;
  readonly runs: number;
  readonly shape: "chat" | "job";
  readonly fault?: { readonly kind: Fault; readonly from: number };
}

const subjects: readonly Readonly<Record<string, number>>[] = [
  { web_search: 0.7, http_get: 0.4 },
  { notes_search: 0.6, notes_write: 0.3 },
  { calendar_today: 0.5, tasks_list: 0.4 },
  { alerts_list: 0.6, http_get: 0.2, server_status: 0.5 },
  {},
];
const jobTools = { alerts_list: 1, feeds_unread: 1, calendar_today: 0.95 };
const price = { input: 0.4e-6, output: 1.6e-6 };
const dayMs = 86_400_000;

/** The traffic, oldest first. */
export function traffic({ seed, runs, shape, fault }: TrafficOptions): RecordedRun[] {
  const random = randomOf(seed);
  let at = Date.UTC(2026, 8, 1) + random.next() * dayMs;
  const people = Array.from({ length: shape === "job" ? 1 : 4 }, () => ({
    left: 0,
    subject: 0,
    turns: [] as number[],
    id: randomUUID(),
  }));
  let [who, downUntil, goesOn] = [0, 0, false];
  return Array.from({ length: runs }, (_, index): RecordedRun => {
    const since = fault && index >= fault.from ? index - fault.from : -1;
    const is = (kind: Fault): boolean => since >= 0 && fault?.kind === kind;
    at = shape === "job" ? at + dayMs : nextMessage(random, at, goesOn);
    // Somebody else comes in now and then.
    if (random.chance(0.15)) who = Math.floor(random.next() * people.length);
    const person = people[who] ?? { left: 0, subject: 0, turns: [] as number[], id: "" };
    if (person.left === 0) {
      person.left = 1 + Math.floor(random.lognormal(3, 0.7));
      person.subject = Math.floor(random.next() * subjects.length);
      // Not everybody says /new.
      if (random.chance(0.5)) person.turns = [];
    }
    person.left -= 1;
    const { subject } = person;
    goesOn = person.left > 0;
    if (random.chance(1 / 700)) downUntil = at + 10 * 60_000;
    const failed = at < downUntil || random.chance(is("errors") ? 0.15 : 0.01);
    const refused = !failed && random.chance(is("refusals") ? 0.2 : 0.01);
    const tools = refused || failed ? [] : toolsOf(random, { shape, subject, is });
    // Half as fast again in the evening as in the morning.
    const rhythm = 1 + 0.2 * Math.sin((2 * Math.PI * at) / dayMs);
    const swapped = is("model behind the same name");
    const steps = failed ? 0 : 1 + Math.min(tools.length, 1 + Math.floor(random.next() * 3));
    const creep = is("cost creep") ? 1.02 ** since : 1;
    const dearer = is("price creep") ? 1.02 ** since : creep;
    let read = shape === "job" ? 5_200 : 3_600 + historyOf(person.turns);
    const said = random.lognormal(120, 0.6);
    const calls = Array.from({ length: steps }, (__, step): RecordedCall => {
      const last = step === steps - 1;
      const middle = shape === "job" ? (last ? 520 : 60) : last ? 190 : 45;
      const output = Math.round(
        (refused ? 30 : random.lognormal(middle, shape === "job" ? 0.2 : 0.65)) * (swapped ? 1.35 : 1),
      );
      // What was said, and then what the tools gave.
      read += step === 0 ? said : random.lognormal(350, 0.6);
      const input = Math.round(read * creep);
      const speed = random.lognormal(9, 0.3) * rhythm * (swapped ? 0.52 : 1);
      // Now and then a call hangs for long before it is answered.
      const stall = random.chance(0.01) ? random.lognormal(20_000, 0.5) : 0;
      const ms = Math.round(random.lognormal(450, 0.35) * (swapped ? 0.7 : 1) + output * speed + stall);
      return {
        input,
        output,
        ms,
        cost: input * price.input * (is("price creep") ? dearer : 1) + output * price.output * dearer,
        refusal: refused,
      };
    });
    person.turns.push(said + (calls.at(-1)?.output ?? 0));
    const output = calls.reduce((sum, call) => sum + call.output, 0);
    return {
      id: randomUUID(),
      startedAt: new Date(at),
      conversationId: person.id,
      calls,
      tools,
      failed,
      answerLength: failed ? 60 : Math.round(output * random.lognormal(4, 0.1)),
      model: is("served model") ? "llama-4-scout" : "gpt-5-mini-2026-01",
      promptHash: "a".repeat(64),
      policyHash: "b".repeat(64),
    };
  });
}

/** Tokens of the newest turns that fit. */
function historyOf(turns: readonly number[]): number {
  let tokens = 0;
  for (const turn of turns.toReversed()) {
    if (tokens + turn > 2_500) break;
    tokens += turn;
  }
  return tokens;
}

/** Some 40 a day, few at night and fewer at weekends, in bursts. */
function nextMessage(random: Random, from: number, goesOn: boolean): number {
  let at = from + random.lognormal(random.chance(goesOn ? 0.95 : 0.2) ? 90_000 : 4_000_000, 0.8);
  for (;;) {
    const date = new Date(at);
    const night = date.getUTCHours() < 6;
    const weekend = date.getUTCDay() % 6 === 0;
    if (!random.chance(night ? 0.9 : weekend ? 0.5 : 0)) return at;
    at += 3_600_000;
  }
}

function toolsOf(
  random: Random,
  { shape, subject, is }: { shape: "chat" | "job"; subject: number; is: (kind: Fault) => boolean },
): RecordedTool[] {
  const usual = shape === "job" ? jobTools : (subjects[subject] ?? {});
  // Another way of working: looks things up in the web that it had looked up in the notes.
  const mix = is("tool mix") ? { web_search: 0.75, http_get: 0.5 } : usual;
  const names = Object.entries(mix).flatMap(([name, share]) => (random.chance(share) ? [name] : []));
  if (random.chance(0.004)) names.push("reminder_set");
  if (is("new tool") && random.chance(0.4)) names.push("http_post");
  if (is("denials") && random.chance(0.15)) names.push("door_open");
  return names.map((name) => ({
    name,
    ms: Math.round(random.lognormal(300, 0.8)),
    outcome:
      is("denials") && name === "door_open"
        ? "denied"
        : random.chance(0.02)
          ? "error"
          : random.chance(0.002)
            ? "denied"
            : random.chance(0.002)
              ? "refused"
              : "ok",
  }));
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** The features that lib/audit/drift reads from the rows of such a run. */
export const featuresOf = (run: RecordedRun): RunFeatures => ({
  id: run.id,
  startedAt: run.startedAt,
  conversationId: run.conversationId,
  failed: run.failed,
  steps: run.calls.length,
  calls: run.calls.length,
  inputTokens: run.calls.length === 0 ? null : sum(run.calls, (call) => call.input),
  outputTokens: run.calls.length === 0 ? null : sum(run.calls, (call) => call.output),
  cachedTokens: null,
  firstInputTokens: run.calls[0]?.input ?? null,
  cost: run.calls.length === 0 ? null : sum(run.calls, (call) => call.cost),
  modelMs: sum(run.calls, (call) => call.ms),
  toolMs: sum(run.tools, (tool) => tool.ms),
  answerLength: run.answerLength,
  denials: run.tools.filter((tool) => tool.outcome === "denied").length,
  refusedApprovals: run.tools.filter((tool) => tool.outcome === "refused").length,
  toolErrors: run.tools.filter((tool) => tool.outcome === "error").length,
  refusals: run.calls.filter((call) => call.refusal).length,
  tools: run.tools.map((tool) => tool.name),
  servedModels: run.calls.length === 0 ? [] : [run.model],
  requestedModels: run.calls.length === 0 ? [] : ["local gpt-5-mini"],
  promptHash: run.promptHash,
  policyHash: run.policyHash,
});
