/** A recorded run beside its replay. Pure. */
import { canonicalJson } from "../../config/canonical-json.ts";
import type { Course, CourseCall } from "./course.ts";
import type { Recording } from "./recording.ts";
import type { Replayed, ReplayMark } from "./replay.ts";

/** How a pair of calls stands. `arguments`: the same tool with others. `gone` and `new`: there is none on the other side. */
export type Change = "same" | "arguments" | "gone" | "new";

/** A call as it is shown. */
export interface ShownCall {
  readonly tool: string;
  readonly arguments: string;
  readonly decision: CourseCall["decision"];
  readonly rule: string;
  readonly approval?: string;
  readonly outcome: CourseCall["outcome"] | null;
}

/** A call then and now. */
export interface CallPair {
  readonly change: Change;
  /** The policy says something else of it than it did, or will not simply allow a new one. */
  readonly decisionDiffers: boolean;
  readonly recorded: ShownCall | null;
  readonly replayed: (ShownCall & ReplayMark) | null;
}

/** What a run took and came to. */
export type Figures = Omit<Course, "calls">;

/** One replay compared. */
export interface Comparison {
  readonly run: string;
  readonly replay: string;
  readonly agent: string;
  readonly backend: string;
  readonly startedAt: Date;
  readonly notes: readonly string[];
  readonly sameCalls: boolean;
  readonly pairs: readonly CallPair[];
  readonly recorded: Figures;
  readonly replayed: Figures;
}

/** Puts both beside each other. */
export function compare(recording: Recording, replayed: Replayed): Comparison {
  const { calls: before, ...recorded } = recording.course;
  const { calls: after, ...now } = replayed.course;
  const pairs = pairsOf(before, after, replayed.marks);
  return {
    run: recording.run.id,
    replay: replayed.id,
    agent: recording.run.agent,
    backend: replayed.backend,
    startedAt: recording.startedAt,
    notes: replayed.notes,
    sameCalls: pairs.every(({ change }) => change === "same"),
    pairs,
    recorded,
    replayed: now,
  };
}

/** In order: as many calls of the same tools as can be, each with the one it stands for; of these, as many alike as can be. */
function pairsOf(
  before: readonly CourseCall[],
  after: readonly CourseCall[],
  marks: ReadonlyMap<number, ReplayMark>,
): CallPair[] {
  const worth = (one: CourseCall, other: CourseCall): number =>
    one.name !== other.name ? 0 : isSame(one, other) ? 3 : 2;
  // best[i][j]: what the pairs of before[i..] and after[j..] are worth at most.
  const best = Array.from({ length: before.length + 1 }, () => new Float64Array(after.length + 1));
  const at = (i: number, j: number): number => best[i]?.[j] ?? 0;
  const paired = (i: number, j: number): number => {
    const [one, other] = [before[i], after[j]];
    const value = one && other ? worth(one, other) : 0;
    return value === 0 ? -1 : value + at(i + 1, j + 1);
  };
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--) best[i]![j] = Math.max(paired(i, j), at(i + 1, j), at(i, j + 1));
  const pairs: CallPair[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [one, other] = [before[i], after[j]];
    if (one && other && paired(i, j) === at(i, j)) {
      pairs.push(pairOf(one, other, marks));
      [i, j] = [i + 1, j + 1];
    } else if (one && (!other || at(i + 1, j) >= at(i, j + 1))) {
      pairs.push(pairOf(one, undefined, marks));
      i += 1;
    } else {
      pairs.push(pairOf(undefined, other, marks));
      j += 1;
    }
  }
  return pairs;
}

function pairOf(
  before: CourseCall | undefined,
  after: CourseCall | undefined,
  marks: ReadonlyMap<number, ReplayMark>,
): CallPair {
  const change = !after ? "gone" : !before ? "new" : isSame(before, after) ? "same" : "arguments";
  return {
    change,
    decisionDiffers: after !== undefined && after.decision !== (before?.decision ?? "allow"),
    recorded: before ? shown(before) : null,
    replayed: after ? { ...shown(after), ...marks.get(after.seq) } : null,
  };
}

const isSame = (one: CourseCall, other: CourseCall): boolean =>
  one.name === other.name && sortedJson(one.arguments) === sortedJson(other.arguments);

const shown = ({ name, arguments: given, decision, rule, approval, outcome }: CourseCall): ShownCall => ({
  ...{ tool: name, arguments: given, decision, rule, outcome: outcome ?? null },
  ...(approval && { approval: approval.outcome }),
});

/** JSON as models write it in many ways: one of them. */
function sortedJson(text: string): string {
  try {
    return canonicalJson(JSON.parse(text === "" ? "{}" : text));
  } catch {
    return text;
  }
}
