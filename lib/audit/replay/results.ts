/** What recorded calls returned, given out again to the calls of a replay. Pure. */
import { canonicalJson } from "../../config/canonical-json.ts";
import type { CourseCall } from "./course.ts";

/** Where a replayed call's result is from. `other arguments`: of another call of the same tool. `nothing`: none was recorded. */
export type Source = "same call" | "other arguments" | "nothing";

interface Recorded {
  readonly call: CourseCall;
  readonly key: string;
}

/** The recorded calls of one run, each given out once. */
export class RecordedResults {
  readonly #results: Recorded[];
  readonly #approvals: Recorded[];

  /** `inputOf`: a call's arguments as its tool's schema takes them, so that defaults and order make no difference. */
  constructor(calls: readonly CourseCall[], inputOf: (call: CourseCall) => unknown) {
    const recorded = calls.map((call) => ({ call, key: keyOf(call.name, inputOf(call)) }));
    // What was denied was not done: there is no result of it.
    this.#results = recorded.filter(({ call: { outcome } }) => outcome !== undefined && outcome !== "denied");
    this.#approvals = recorded.filter(({ call }) => call.approval !== undefined);
  }

  /**
   * The result for a call: the first that is left of the same call; else, of the same tool, the first that is left; else none.
   */
  take(name: string, input: unknown): { readonly source: Source; readonly call: CourseCall | undefined } {
    const key = keyOf(name, input);
    const same = takeFirst(this.#results, (each) => each.key === key);
    if (same) return { source: "same call", call: same };
    const other = takeFirst(this.#results, ({ call }) => call.name === name);
    return other ? { source: "other arguments", call: other } : { source: "nothing", call: undefined };
  }

  /** What was decided when the same call was asked about; undefined where it was not. */
  takeApproval(name: string, input: unknown): CourseCall["approval"] {
    const key = keyOf(name, input);
    return takeFirst(this.#approvals, (each) => each.key === key)?.approval;
  }
}

const keyOf = (name: string, input: unknown): string => `${name} ${canonicalJson(input)}`;

function takeFirst(from: Recorded[], fits: (recorded: Recorded) => boolean): CourseCall | undefined {
  const index = from.findIndex(fits);
  return index === -1 ? undefined : from.splice(index, 1)[0]?.call;
}
