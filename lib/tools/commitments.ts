/** commitments_*: what a person said they would do. Each sees and changes their own only. */
import { z } from "zod";
import type { Principal } from "../channel/types.ts";
import { ClawError } from "../errors.ts";
import type { TaintSource } from "../policy/taint.ts";
import { defineTool, type Tool } from "./define.ts";

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
      async run({ include_done }, { principal, addTaint }) {
        const found = await store.list(principal, { includeDone: include_done });
        for (const { taint } of found) addTaint(taint);
        return found.length === 0 ? "No commitments." : found.map(line).join("\n");
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
      async run({ text, due }, { principal, callKey, taint }) {
        const added = await store.add(principal, { text, due, taint, callKey, maxOpen: maxOpen() });
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
      async run({ id }, { principal, addTaint }) {
        const done = await store.complete(principal, id);
        if (!done) throw new ClawError("not_found", `There is no commitment #${id}; list them for their ids.`);
        addTaint(done.taint);
        return `Done: ${line(done)}`;
      },
    }),
  ] as Tool[];
}
