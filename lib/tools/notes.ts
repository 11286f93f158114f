/** notes_*: what an agent writes down for a person, to be found again in later conversations. */
import { z } from "zod";
import type { Principal } from "../channel/types.ts";
import type { RawConfig } from "../config/schema.ts";
import { ClawError } from "../errors.ts";
import type { TaintSource } from "../policy/taint.ts";
import { defineTool, type Tool, type ToolContext } from "./define.ts";
import { excerpt } from "./excerpt.ts";

/** Whose notes: each agent keeps its own for each person. */
export interface NoteOwner {
  readonly agent: string;
  readonly principal: Principal;
}

export interface Note {
  readonly title: string;
  readonly text: string;
  /** What had tainted the runs its words come from. */
  readonly taint: readonly TaintSource[];
  readonly updatedAt: Date;
}

/** What is to be written, and within which limits. */
export interface NoteToWrite {
  readonly title: string;
  readonly text: string;
  /** `append` adds a line, to a note that may be new; its taint grows. `replace` makes it anew, its taint too. */
  readonly mode: "replace" | "append";
  readonly taint: readonly TaintSource[];
  /** A repeat of a call changes nothing. */
  readonly callKey: string;
  readonly maxNotes: number;
  readonly maxChars: number;
}

/** Where notes are kept. A title is the same whatever its case and spaces. */
export interface NoteStore {
  read(owner: NoteOwner, title: string): Promise<Note | undefined>;
  /** All of them, the last written first. */
  list(owner: NoteOwner): AsyncIterable<Note>;
  /** Writes; past a limit nothing is changed, and the limit is named. */
  write(owner: NoteOwner, note: NoteToWrite): Promise<Note | "too_many" | "too_long">;
}

const titleSchema = z.string().trim().min(1).max(120).describe("Short and lasting");

/** The family's tools over a store. `settings` is read at each call: config may change. */
export function notesTools(store: NoteStore, settings: () => RawConfig["tools"]["notes"]): Tool[] {
  const facts = { timeoutMs: 15_000 };
  // A note may hold what the person said in private, and in a room others would hear it.
  const ownerOf = ({ agent, principal, shared }: ToolContext): NoteOwner => {
    if (shared && !settings().in_rooms)
      throw new ClawError(
        "unauthorized",
        "Notes are private: they are neither read nor written in a room with others. Tell the person to ask in a direct chat.",
      );
    return { agent, principal };
  };
  return [
    defineTool({
      name: "notes_write",
      description:
        "Writes a note for later conversations with this person: replaces the one of that title, or appends to it.",
      input: z.strictObject({
        title: titleSchema,
        text: z.string().trim().min(1),
        mode: z.enum(["replace", "append"]).default("replace"),
      }),
      labels: ["private", "act"],
      effect: "keyed",
      outputLimit: 500,
      ...facts,
      async run({ title, text, mode }, context) {
        const owner = ownerOf(context);
        const { max_notes: maxNotes, max_chars: maxChars } = settings();
        const { taint, callKey } = context;
        const written = await store.write(owner, { title, text, mode, taint, callKey, maxNotes, maxChars });
        if (written === "too_many")
          throw new ClawError(
            "limit_reached",
            `There are ${maxNotes} notes already, which is the most; write into one of those (notes_search finds them).`,
          );
        if (written === "too_long")
          throw new ClawError(
            "too_large",
            `Nothing was written: the note would have more than ${maxChars} characters. Shorten it, or use another title.`,
          );
        return `Noted under "${title}" (${written.text.length} characters).`;
      },
    }),
    defineTool({
      name: "notes_read",
      description: "Reads the note of a title.",
      input: z.strictObject({ title: titleSchema }),
      labels: ["private"],
      effect: "idempotent",
      outputLimit: 17_000,
      ...facts,
      async run({ title }, context) {
        const note = await store.read(ownerOf(context), title);
        if (!note) throw new ClawError("not_found", `There is no note "${title}"; notes_search finds the titles.`);
        context.addTaint(note.taint);
        return `${note.title} (${day(note, context)})\n${note.text}`;
      },
    }),
    defineTool({
      name: "notes_search",
      description: "Searches your notes for this person for words; without a query, the last ones written.",
      input: z.strictObject({
        query: z.string().trim().max(200).default(""),
        limit: z.int().min(1).max(20).default(5),
      }),
      labels: ["private"],
      effect: "idempotent",
      outputLimit: 10_000,
      ...facts,
      async run({ query, limit }, context) {
        const words = query.toLowerCase().split(/\s+/);
        const found: string[] = [];
        for await (const note of store.list(ownerOf(context))) {
          if (context.signal.aborted || found.length >= limit) break;
          const all = `${note.title}\n${note.text}`.toLowerCase();
          if (!words.every((word) => all.includes(word))) continue;
          // Its title too was written by the run that it was written in.
          context.addTaint(note.taint);
          found.push(`${note.title} (${day(note, context)})\n${excerpt(note.text, words)}`);
        }
        if (found.length > 0) return found.join("\n\n");
        return query === "" ? "There are no notes." : `No note has "${query}" in it.`;
      },
    }),
  ] as Tool[];
}

const day = ({ updatedAt }: Note, { timezone }: ToolContext): string =>
  updatedAt.toLocaleDateString("en-CA", { timeZone: timezone });
