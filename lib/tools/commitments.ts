/** commitments_*: what a person said they would do. Each sees and changes their own only. */
import { z } from "zod";
import type { Principal } from "../channel/types.ts";
import { ClawError } from "../errors.ts";
import type { TaintSource } from "../policy/taint.ts";
import { defineTool, type Tool, type ToolContext } from "./define.ts";

export interface Commitment {
  readonly id: number;
  readonly text: string;
  /** YYYY-MM-DD. */
  readonly due: string | undefined;
  readonly createdAt: Date;
  readonly completedAt: Date | undefined;
  /** What had tainted the run that added it. */
  readonly taint: readonly TaintSource[];
}

/** Where commitments are kept. */
export interface CommitmentStore {
  /** Open ones by due date, then those that are done, the last first; 200 of each at most. */
  list(principal: Principal, options: { includeDone: boolean }): Promise<readonly Commitment[]>;
  /** Adds one, or returns the one already added under this `callKey`; "full" past `maxOpen` open ones. */
  add(
    principal: Principal,
    commitment: {
      text: string;
      due: string | undefined;
      taint: readonly TaintSource[];
      callKey: string;
      maxOpen: number;
    },
  ): Promise<Commitment | "full">;
  /** Completing twice is completing once. Undefined: the person has no such commitment. */
  complete(principal: Principal, id: number): Promise<Commitment | undefined>;
}

/** A commitment as `data` has it: instants in ISO, null where there is none. */
export interface CommitmentFact {
  readonly id: number;
  readonly text: string;
  readonly due: string | null;
  readonly createdAt: string;
  readonly completedAt: string | null;
}

/** What commitments_list returns as `data`. */
export interface CommitmentsData {
  readonly commitments: readonly CommitmentFact[];
}

const factOf = ({ id, text, due, createdAt, completedAt }: Commitment): CommitmentFact => ({
  ...{ id, text, due: due ?? null },
  ...{ createdAt: createdAt.toISOString(), completedAt: completedAt?.toISOString() ?? null },
});

/** Whose commitments they are. A job has none of its own: an empty list would be taken for the person's. */
function personOf({ principal }: Pick<ToolContext, "principal">): Principal {
  if (!principal.startsWith("job:")) return principal;
  throw new ClawError(
    "bad_request",
    `Nobody asks in a job: name whose commitments are meant by jobs.${principal.slice("job:".length)}.for in openclaw.toml.`,
  );
}

const line = ({ id, text, due, completedAt }: Commitment): string =>
  `#${id} ${completedAt ? "[done] " : ""}${text}${due ? ` (due ${due})` : ""}`;

/** The family's tools over a store. `maxOpen` is read at each call: config may change. */
export function commitmentTools(store: CommitmentStore, maxOpen: () => number): Tool[] {
  const facts = { timeoutMs: 10_000, outputLimit: 8_000 };
  return [
    defineTool({
      name: "commitments_list",
      description: "Lists what the person committed to do, with ids and due dates; open ones unless asked for all.",
      input: z.strictObject({ include_done: z.boolean().default(false) }),
      labels: ["private"],
      effect: "idempotent",
      ...facts,
      async run({ include_done }, context) {
        const found = await store.list(personOf(context), { includeDone: include_done });
        for (const { taint } of found) context.addTaint(taint);
        const data: CommitmentsData = { commitments: found.map(factOf) };
        return { text: found.length === 0 ? "No commitments." : found.map(line).join("\n"), data };
      },
    }),
    defineTool({
      name: "commitments_add",
      description: "Writes down a commitment of the person.",
      input: z.strictObject({
        text: z.string().trim().min(1).max(500),
        due: z.iso.date().optional().describe("YYYY-MM-DD"),
      }),
      labels: ["private", "act"],
      effect: "keyed",
      ...facts,
      async run({ text, due }, context) {
        const { callKey, taint } = context;
        const added = await store.add(personOf(context), { text, due, taint, callKey, maxOpen: maxOpen() });
        if (added === "full")
          throw new ClawError("limit_reached", `There are ${maxOpen()} open commitments already; complete some first.`);
        return `Added ${line(added)}`;
      },
    }),
    defineTool({
      name: "commitments_complete",
      description: "Marks a commitment as done, by its id.",
      input: z.strictObject({ id: z.int().positive() }),
      labels: ["private", "act"],
      effect: "idempotent",
      ...facts,
      async run({ id }, context) {
        const done = await store.complete(personOf(context), id);
        if (!done) throw new ClawError("not_found", `There is no commitment #${id}; list them for their ids.`);
        context.addTaint(done.taint);
        return `Done: ${line(done)}`;
      },
    }),
  ] as Tool[];
}
